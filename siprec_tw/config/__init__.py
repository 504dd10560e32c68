"""
The configuration: its model, the YAML file with line numbers, the environment.
"""
