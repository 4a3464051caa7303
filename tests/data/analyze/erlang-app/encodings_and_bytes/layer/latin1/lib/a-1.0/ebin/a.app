{application, a, [{vsn, "1.0"}]}.
# Café ÿ
