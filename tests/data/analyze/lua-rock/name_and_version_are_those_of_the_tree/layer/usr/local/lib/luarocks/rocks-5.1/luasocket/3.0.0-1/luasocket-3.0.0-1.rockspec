package = "luasocket"
version = "3.0.0-1"
description = {
   license = "MIT"
}
