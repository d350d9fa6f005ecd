"""python -m datasource.cli"""

from datasource.cli import main

main()
