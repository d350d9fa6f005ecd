"""The door for agents: what the service knows as tools of the Model Context Protocol."""
