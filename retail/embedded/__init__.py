"""Database server and broker that the demo and the tests start for themselves."""
