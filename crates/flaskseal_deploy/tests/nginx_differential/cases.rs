//! Configurations and requests. `PORT` is the port that nginx listens on, `UP` the address of the upstream, `ROOT` a
//! folder with `index.html`, `a.txt`, `404.html`, `dir/index.html`, `static/app.js` and an `empty` folder without an
//! index. A request is `[POST] HOST TARGET [NAME=VALUE...]`.

/// Name, what stands in the `http` block, requests.
pub(crate) type Case = (&'static str, &'static str, &'static [&'static str]);

pub(crate) const CASES: &[Case] = &[
    // Servers.
    ("one server", "server { listen PORT; return 200 one; }", &["a /", "b.example /x"]),
    (
        "first is default",
        "server { listen PORT; server_name a.example; return 200 a; } server { listen PORT; server_name b.example; return 200 b; }",
        &["a.example /", "b.example /", "c.example /", "B.EXAMPLE /", "b.example:PORT /"],
    ),
    (
        "default_server",
        "server { listen PORT; server_name a.example; return 200 a; } server { listen PORT default_server; server_name _; return 200 d; }",
        &["a.example /", "x.example /", "_ /"],
    ),
    (
        "wildcards",
        "server { listen PORT; server_name *.example; return 200 w; } server { listen PORT; server_name *.shop.example; return 200 ws; } \
         server { listen PORT; server_name www.shop.example; return 200 exact; } server { listen PORT; server_name mail.*; return 200 suffix; } \
         server { listen PORT; server_name ~^re\\d+\\.; return 200 regex; } server { listen PORT default_server; return 200 none; }",
        &[
            "a.example /",
            "a.shop.example /",
            "www.shop.example /",
            "mail.test /",
            "re1.test /",
            "shop.example /",
            "mail.example /",
            "re1.example /",
            "nothing /",
        ],
    ),
    (
        "dot names",
        "server { listen PORT; server_name .shop.example; return 200 dot; } server { listen PORT default_server; return 200 none; }",
        &["shop.example /", "www.shop.example /", "myshop.example /"],
    ),
    (
        "named groups of a server name",
        "server { listen PORT; server_name ~^(?<sub>[a-z]+)\\.shop\\.example$; return 200 $sub; }",
        &["blue.shop.example /", "BLUE.shop.example /"],
    ),
    (
        "regular names in order",
        "server { listen PORT default_server; return 200 d; } server { listen PORT; server_name ~a; return 200 first; } server { listen PORT; server_name ~ab; return 200 second; }",
        &["ab.test /", "xa.test /", "z /"],
    ),
    // Locations.
    (
        "longest prefix",
        "server { listen PORT; location / { return 200 root; } location /a { return 200 a; } location /a/b { return 200 ab; } }",
        &["h /", "h /a", "h /ab", "h /a/b", "h /a/bc", "h /A"],
    ),
    (
        "exact",
        "server { listen PORT; location = / { return 200 exact; } location / { return 200 prefix; } location = /a { return 200 a; } }",
        &["h /", "h /?x=1", "h /a", "h /a/", "h /b"],
    ),
    (
        "patterns in order",
        "server { listen PORT; location /a { return 200 prefix; } location ~ \\.php$ { return 200 php; } location ~ ^/a { return 200 second; } }",
        &["h /a.php", "h /ab", "h /b.php", "h /b", "h /A.PHP"],
    ),
    (
        "patterns without case",
        "server { listen PORT; location ~* \\.(JPG|png)$ { return 200 img; } location / { return 200 other; } }",
        &["h /a.jpg", "h /a.PNG", "h /a.gif"],
    ),
    (
        "no patterns",
        "server { listen PORT; location ^~ /static/ { return 200 static; } location /static/deep { return 200 deep; } location ~ \\.js$ { return 200 js; } }",
        &["h /static/a.js", "h /static/deep.js", "h /b.js", "h /static/deeper"],
    ),
    (
        "nested locations",
        "server { listen PORT; location /a { location /a/b { return 200 ab; } location ~ x$ { return 200 nested; } return 200 a; } location ~ y$ { return 200 outer; } }",
        &["h /a", "h /a/b", "h /a/bx", "h /ax", "h /ay", "h /a/by", "h /by"],
    ),
    (
        "nested no patterns",
        "server { listen PORT; location ^~ /a { location ~ x$ { return 200 nested; } return 200 a; } location ~ x$ { return 200 outer; } }",
        &["h /ax", "h /a", "h /bx"],
    ),
    (
        "exact inside a prefix",
        "server { listen PORT; location /a { location = /a/b { return 200 exact; } return 200 a; } location ~ b$ { return 200 pattern; } }",
        &["h /a/b", "h /a/bb", "h /a"],
    ),
    (
        "decoded paths",
        "server { listen PORT; location /a/b { return 200 ab; } location = /c { return 200 c; } location / { return 200 $uri; } }",
        &["h /a%2Fb", "h //a//b", "h /x/../a/b", "h /%63", "h /d/./e/", "h /f//g"],
    ),
    (
        "no location fits",
        "server { listen PORT; root ROOT; location /b { return 200 b; } }",
        &["h /a.txt", "h /none", "h /b"],
    ),
    // Redirects.
    (
        "return with an address",
        "server { listen PORT; return 301 https://$host$request_uri; }",
        &["shop.example /a?b=c", "shop.example:PORT /%41"],
    ),
    ("return without a status", "server { listen PORT; return https://shop.example$uri; }", &["h /a"]),
    (
        "return with a path",
        "server { listen PORT; location /a { return 302 /b; } location / { return 308 /c?d=1; } }",
        &["h.example /a", "h.example /"],
    ),
    (
        "return of statuses",
        "server { listen PORT; location /200 { return 200; } location /204 { return 204; } location /403 { return 403; } location /418 { return 418 tea; } location /500 { return 500 \"no\"; } }",
        &["h /200", "h /204", "h /403", "h /418", "h /500"],
    ),
    (
        "redirects by scheme",
        "server { listen PORT; if ($scheme = http) { return 301 https://$host$request_uri; } location / { return 200 secure; } }",
        &["h /a"],
    ),
    (
        "rewrite permanent",
        "server { listen PORT; rewrite ^/old/(.*)$ /new/$1 permanent; rewrite ^/tmp/(.*)$ https://x.example/$1 redirect; location / { return 200 $uri; } }",
        &["h /old/a?b=c", "h /tmp/a?b=c", "h /new/a", "h /tmp/"],
    ),
    (
        "rewrite to an address",
        "server { listen PORT; location /a { rewrite ^/a/(\\d+)$ http://x.example/$1?y=$1; return 200 kept; } }",
        &["h /a/12", "h /a/12?z=3", "h /a/b"],
    ),
    (
        "rewrite drops the query",
        "server { listen PORT; location / { rewrite ^/a$ /b? permanent; rewrite ^/c$ /d?e=f? permanent; return 200 kept; } }",
        &["h /a?x=1", "h /c?x=1", "h /e"],
    ),
    (
        "rewrite last",
        "server { listen PORT; location /a { rewrite ^/a/(.*)$ /b/$1 last; return 200 a; } location /b { return 200 b$uri$is_args$args; } }",
        &["h /a/x", "h /a", "h /b/y?z=1", "h /a/x?z=1"],
    ),
    (
        "rewrite break",
        "server { listen PORT; location /a { root ROOT; rewrite ^/a/(.*)$ /$1 break; return 200 never; } location / { return 200 other; } }",
        &["h /a/a.txt", "h /a", "h /a/none"],
    ),
    (
        "rewrite without a flag",
        "server { listen PORT; location /a { rewrite ^/a/(.*)$ /b/$1; rewrite ^/b/(.*)$ /c/$1; } location /c { return 200 c$uri; } location /b { return 200 b; } location / { return 200 else; } }",
        &["h /a/x", "h /b/x", "h /z"],
    ),
    (
        "rewrite in the server",
        "server { listen PORT; rewrite ^/x(.*)$ /y$1; location /y { return 200 y$uri; } location /x { return 200 x; } location / { return 200 else; } }",
        &["h /x1", "h /y2", "h /z"],
    ),
    ("rewrite without end", "server { listen PORT; location / { rewrite ^/(.*)$ /a$1 last; } }", &["h /"]),
    // Conditions and variables.
    (
        "set and if",
        "server { listen PORT; set $a one; location / { set $b $a-two; if ($arg_x) { set $b three; } return 200 $b; } }",
        &["h /", "h /?x=1", "h /?x=0", "h /?x="],
    ),
    (
        "if by value and pattern",
        "server { listen PORT; location / { if ($arg_m = one) { return 200 eq; } if ($arg_m != two) { return 200 ne; } if ($uri ~ ^/p/(.+)$) { return 200 p$1; } if ($http_x_y ~* abc) { return 200 h; } if ($uri !~ q) { return 200 no; } return 200 end; } }",
        &["h /?m=one", "h /?m=x", "h /p/z?m=two", "h /q?m=two x-y=xABC", "h /r?m=two", "h /q?m=two"],
    ),
    (
        "the last if counts",
        "server { listen PORT; location / { add_header X-L l; if ($arg_a) { add_header X-A a; } if ($arg_b) { add_header X-B b; } root ROOT; } }",
        &["h /a.txt", "h /a.txt?a=1", "h /a.txt?b=1", "h /a.txt?a=1&b=1"],
    ),
    (
        "if and proxy_pass",
        "server { listen PORT; location / { proxy_set_header X-L l; if ($arg_a) { set $x 1; } proxy_pass http://UP; } }",
        &["h /a", "h /a?a=1"],
    ),
    (
        "break",
        "server { listen PORT; location / { set $a 1; break; set $a 2; return 200 $a; } location /if { if ($arg_x) { break; } return 200 end; root ROOT; } root ROOT; }",
        &["h /a.txt", "h /if", "h /if?x=1"],
    ),
    (
        "map",
        "map $arg_v $m { default none; a one; ~^b(.*)$ two-$1; '' empty; } map $uri $n { /x yes; } server { listen PORT; return 200 $m:$n; }",
        &["h /", "h /?v=a", "h /?v=A", "h /?v=bcd", "h /?v=z", "h /x?v=a", "h /y"],
    ),
    (
        "map of hosts by pattern",
        "map $host $app { default main; ~^(?<sub>[a-z]+)\\.shop\\.example$ $sub; } server { listen PORT; return 200 $app; }",
        &["blue.shop.example /", "other /"],
    ),
    (
        "groups of a location",
        "server { listen PORT; location ~ ^/(?<first>[^/]+)/(.*)$ { return 200 $first:$2:$1; } location / { return 200 none; } }",
        &["h /a/b/c", "h /a"],
    ),
    (
        "variables of a request",
        "server { listen PORT; server_name s.example; return 200 $host|$http_host|$server_name|$args|$arg_q|$cookie_c|$request_method|$remote_addr; }",
        &["S.Example /x?q=1&r=2 cookie=c=d", "POST z:1 /"],
    ),
    ("braces", "server { listen PORT; return 200 \"${host}x $uri\\\"y\\\"\"; }", &["h /a"]),
    // Headers.
    (
        "headers are inherited as a whole",
        "add_header X-Http h; server { listen PORT; location / { return 200 a; } location /own { add_header X-Own o; return 200 b; } location /own/deep { return 200 c; } }",
        &["h /", "h /own", "h /own/deep"],
    ),
    (
        "headers of nested locations",
        "server { listen PORT; add_header X-S s; location /a { add_header X-A a; location /a/b { return 200 b; } location /a/c { add_header X-C c; return 200 c; } return 200 a; } }",
        &["h /a", "h /a/b", "h /a/c"],
    ),
    (
        "headers by status",
        "server { listen PORT; add_header X-Plain p; add_header X-Always a always; location /200 { return 200 x; } location /201 { return 201 x; } location /204 { return 204; } location /301 { return 301 /x; } location /307 { return 307 /x; } location /308 { return 308 /x; } location /400 { return 400; } location /404 { return 404; } location /500 { return 500; } location /503 { return 503 x; } }",
        &["h /200", "h /201", "h /204", "h /301", "h /307", "h /308", "h /400", "h /404", "h /500", "h /503"],
    ),
    (
        "headers on what the upstream says",
        "server { listen PORT; add_header X-Plain p; add_header X-Always a always; location / { proxy_pass http://UP; } }",
        &["h /", "h /status/301", "h /status/404", "h /status/500", "h /status/206", "h /status/401"],
    ),
    (
        "headers without an upstream",
        "server { listen PORT; add_header X-P p; add_header X-A a always; location / { proxy_pass http://127.0.0.1:1; } }",
        &["h /"],
    ),
    (
        "headers on files",
        "server { listen PORT; root ROOT; add_header X-P p; add_header X-A a always; }",
        &["h /a.txt", "h /none", "h /dir", "h /dir/", "h /empty/", "POST h /a.txt"],
    ),
    (
        "headers with variables",
        "server { listen PORT; add_header X-U $uri; add_header X-Q $arg_q; add_header X-H \"$host-x\"; return 200 x; }",
        &["h /a?q=1", "h /b"],
    ),
    (
        "an empty header hides",
        "server { listen PORT; add_header X-S s; location / { add_header X-S ''; return 200 x; } }",
        &["h /"],
    ),
    (
        "a header twice",
        "server { listen PORT; add_header X-S one; add_header X-S two; return 200 x; }",
        &["h /"],
    ),
    (
        "headers of an if with return",
        "server { listen PORT; add_header X-S s; location / { if ($request_method = POST) { add_header X-P p; return 204; } return 200 x; } location /plain { if ($request_method = POST) { return 204; } return 200 y; } }",
        &["h /", "POST h /", "h /plain", "POST h /plain"],
    ),
    (
        "headers of a server with if",
        "server { listen PORT; add_header X-S s always; if ($arg_x) { return 403; } location / { add_header X-L l always; return 200 y; } }",
        &["h /", "h /?x=1"],
    ),
    // Files.
    (
        "files",
        "server { listen PORT; root ROOT; }",
        &["h /", "h /a.txt", "h /none", "h /dir", "h /dir/", "h /dir?x=1", "h /empty/", "h /empty"],
    ),
    (
        "another index",
        "server { listen PORT; root ROOT; index a.txt; location = /a.txt { return 200 internal; } }",
        &["h /", "h /dir/"],
    ),
    (
        "an index goes through locations",
        "server { listen PORT; root ROOT; location ~ \\.html$ { add_header X-Html yes; } location / { add_header X-Root yes; } }",
        &["h /", "h /dir/", "h /a.txt"],
    ),
    (
        "alias",
        "server { listen PORT; location /s/ { alias ROOT/static/; } location /t { alias ROOT/static; } location = /f { alias ROOT/a.txt; } }",
        &["h /s/app.js", "h /s/none", "h /t/app.js", "h /f", "h /s", "h /sx"],
    ),
    (
        "root by location",
        "server { listen PORT; root ROOT/dir; location /static { root ROOT; } }",
        &["h /static/app.js", "h /", "h /static/none"],
    ),
    (
        "try_files",
        "server { listen PORT; root ROOT; location / { try_files $uri $uri/ @app; add_header X-F f; } location @app { add_header X-App yes; proxy_pass http://UP; } }",
        &["h /a.txt", "h /none?x=1", "h /dir/", "h /", "h /empty/"],
    ),
    (
        "try_files with a status",
        "server { listen PORT; root ROOT; location / { try_files $uri =404; } location /s/ { try_files $uri =418; } }",
        &["h /a.txt", "h /none", "h /s/x", "h /dir"],
    ),
    (
        "try_files with a path",
        "server { listen PORT; root ROOT; location / { try_files $uri /a.txt; } location /i { try_files $uri /index.html?q=1; } location = /index.html { return 200 $args; } }",
        &["h /none", "h /static/app.js", "h /i/x"],
    ),
    // Error pages.
    (
        "error page",
        "server { listen PORT; root ROOT; error_page 404 /404.html; add_header X-P p; add_header X-A a always; location /forbidden { return 403; } }",
        &["h /none", "h /a.txt", "h /forbidden"],
    ),
    (
        "error page of its own headers",
        "server { listen PORT; root ROOT; error_page 404 403 /404.html; location = /404.html { internal; add_header X-E e; add_header X-EA ea always; } location /f { deny all; } }",
        &["h /none", "h /f", "h /404.html"],
    ),
    (
        "error page with another status",
        "server { listen PORT; root ROOT; error_page 404 =200 /a.txt; error_page 403 = /echo; location /echo { return 202 echo; } location /f { deny all; } }",
        &["h /none", "h /f"],
    ),
    (
        "error page named",
        "server { listen PORT; root ROOT; error_page 404 = @app; location @app { add_header X-App yes always; proxy_pass http://UP; } }",
        &["h /none?x=1", "h /a.txt"],
    ),
    (
        "a text is no error page",
        "server { listen PORT; root ROOT; error_page 404 /404.html; location /t { return 404 text; } location /n { return 404; } }",
        &["h /t", "h /n"],
    ),
    // Access.
    (
        "allow and deny",
        "server { listen PORT; location /a { allow 10.0.0.0/8; deny all; return 200 never; } location /b { deny all; root ROOT; } location /c { allow 127.0.0.1; deny all; proxy_pass http://UP; } location /d { allow 10.0.0.1; proxy_pass http://UP; } location /e { deny 127.0.0.1; proxy_pass http://UP; } }",
        &["h /a", "h /b", "h /c", "h /d", "h /e"],
    ),
    (
        "internal",
        "server { listen PORT; location /i { internal; return 200 i; } location /r { rewrite ^ /i last; } location /f { internal; root ROOT; } }",
        &["h /r", "h /f"],
    ),
    // Upstreams.
    (
        "a path or none",
        "server { listen PORT; location /a/ { proxy_pass http://UP; } location /b/ { proxy_pass http://UP/; } location /c { proxy_pass http://UP/d; } location = /e { proxy_pass http://UP/f; } }",
        &["h /a/x?y=1", "h /b/x?y=1", "h /c/x", "h /cx", "h /e", "h /b/", "h /a"],
    ),
    (
        "a path after a rewrite",
        "server { listen PORT; location /a { rewrite ^/a/(.*)$ /z/$1 break; proxy_pass http://UP; } }",
        &["h /a/x?y=1", "h /a"],
    ),
    (
        "a target of variables",
        "server { listen PORT; set $up UP; location /a { proxy_pass http://$up; } location /b { proxy_pass http://$up/fixed; } location /c { proxy_pass http://$up$request_uri; } location ~ ^/d/(.*)$ { proxy_pass http://$up/e/$1; } }",
        &["h /a/x?y=1", "h /b/x", "h /c/x?y=1", "h /d/x"],
    ),
    (
        "an upstream by name",
        "upstream app { server UP; } server { listen PORT; location / { proxy_pass http://app; } location /p/ { proxy_pass http://app/q/; } }",
        &["h /a", "h /p/x"],
    ),
    (
        "headers of the request",
        "server { listen PORT; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; location / { proxy_pass http://UP; } location /own { proxy_set_header X-Own yes; proxy_pass http://UP; } }",
        &[
            "shop.example /",
            "shop.example:PORT / x-forwarded-for=192.0.2.1",
            "shop.example /own x-forwarded-proto=https",
        ],
    ),
    (
        "headers taken away",
        "server { listen PORT; location / { proxy_set_header X-Secret ''; proxy_set_header Host $http_host; proxy_set_header Accept-Encoding \"\"; proxy_pass http://UP; } }",
        &["h:1 / x-secret=1 accept-encoding=gzip"],
    ),
    (
        "a slash is added",
        "server { listen PORT; location /app/ { proxy_pass http://UP; } location / { return 200 root; } }",
        &["h /app", "h /app/", "h /app?x=1", "h /apps"],
    ),
    (
        "a slash is not added beside an exact one",
        "server { listen PORT; location /app/ { proxy_pass http://UP; } location = /app { return 200 exact; } }",
        &["h /app", "h /app/"],
    ),
    ("two ports of one server", "server { listen PORT; location / { return 200 $server_port; } }", &["h /"]),
    (
        "limit_except",
        "server { listen PORT; location / { limit_except GET { deny all; } proxy_pass http://UP; } }",
        &["h /"],
    ),
    (
        "merge of slashes",
        "server { listen PORT; location /a/b { return 200 ab; } location / { return 200 $request_uri; } }",
        &["h /a//b", "h //x"],
    ),
];
