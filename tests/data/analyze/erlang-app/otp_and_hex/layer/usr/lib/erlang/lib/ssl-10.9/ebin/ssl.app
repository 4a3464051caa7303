%% comment
{application, ssl,
   [{description, "Erlang/OTP SSL application"},
    {vsn, "10.9"},
    {modules, []}]}.
