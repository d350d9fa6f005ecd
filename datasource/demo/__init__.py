"""A simulated shop whose causes and effects are known, the servers around it, and the command that shows them."""
