package = "lua-cjson"
