package = "a"
version