{application, a, [{vsn, "1.0"}]}.
