package = "src"
license = "MIT
