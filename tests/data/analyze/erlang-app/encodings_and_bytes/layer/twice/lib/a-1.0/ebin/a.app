{application, a, [{vsn, "1.0"}]}.
{application, a, [{vsn, "1.0"}]}.
