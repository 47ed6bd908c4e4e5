"""What people and programs meet: REST, the command line, later the web and the HMC's own."""
