"""The command line; one file a command, and nothing imported before it is needed."""
