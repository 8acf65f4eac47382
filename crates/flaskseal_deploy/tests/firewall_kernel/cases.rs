//! Rule sets: a name, the program that loads them, and their text.

pub(super) const CASES: &[(&str, &str, &str)] = &[
    ("a rule", "ufw", "ufw allow 6379\nufw --force enable\n"),
    ("one rule takes the place of another", "ufw", "ufw allow 6379\nufw deny 6379\nufw --force enable\n"),
    ("and back", "ufw", "ufw deny 6379/tcp\nufw allow 6379/tcp\nufw --force enable\n"),
    ("deny behind a wider allow", "ufw", "ufw allow 6379\nufw deny 6379/tcp\nufw --force enable\n"),
    ("insert", "ufw", "ufw allow 6379/tcp\nufw insert 1 deny 6379\nufw --force enable\n"),
    ("prepend", "ufw", "ufw allow 6379/tcp\nufw prepend deny 6379\nufw --force enable\n"),
    (
        "delete by number",
        "ufw",
        "ufw allow 6379/tcp\nufw allow 80/tcp\nufw --force delete 1\nufw --force enable\n",
    ),
    ("delete by rule", "ufw", "ufw allow 6379\nufw delete allow 6379\nufw --force enable\n"),
    ("forwarded alone", "ufw", "ufw route allow 6379\nufw --force enable\n"),
    ("from a network", "ufw", "ufw allow from 10.0.0.0/8 to any port 6379\nufw --force enable\n"),
    ("reset", "ufw", "ufw allow 6379\nufw --force reset\nufw allow 80\nufw --force enable\n"),
    (
        "ranges, lists and limits",
        "ufw",
        "ufw allow 6000:6007/tcp\nufw allow 80,443/tcp\nufw limit 22/tcp\nufw --force enable\n",
    ),
    ("another default", "ufw", "ufw default allow incoming\nufw deny 5432\nufw --force enable\n"),
    ("UDP alone", "ufw", "ufw allow 8080/udp\nufw allow proto tcp to any port 9090\nufw --force enable\n"),
    ("off", "ufw", "ufw allow 80\nufw --force enable\nufw disable\n"),
    ("rejected", "ufw", "ufw reject 25\nufw allow 25/tcp\nufw --force enable\n"),
    (
        "a port",
        "iptables",
        "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 6379 -j ACCEPT\nCOMMIT\n",
    ),
    (
        "not from a network",
        "iptables",
        "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT ! -s 10.0.0.0/8 -p tcp --dport 6379 -j DROP\n-A INPUT -p tcp --dport 6379 -j ACCEPT\nCOMMIT\n",
    ),
    (
        "a chain for new connections",
        "iptables",
        "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:TCP - [0:0]\n-A INPUT -p tcp --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j TCP\n-A TCP -p tcp --dport 6379 -j ACCEPT\nCOMMIT\n",
    ),
    (
        "a chain for a network",
        "iptables",
        "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:off - [0:0]\n-A INPUT -s 10.0.0.0/8 -j off\n-A off -p tcp --dport 6379 -j ACCEPT\nCOMMIT\n",
    ),
    (
        "all ports but some",
        "iptables",
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m multiport ! --dports 22,80,443 -j DROP\nCOMMIT\n",
    ),
    (
        "a chain that returns",
        "iptables",
        "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:WEB - [0:0]\n-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n-A INPUT -p tcp -j WEB\n-A INPUT -p tcp --dport 8000:8080 -j ACCEPT\n-A WEB -p tcp --dport 8000 -j DROP\n-A WEB -p tcp -m multiport --dports 80,443 -j ACCEPT\n-A WEB -j RETURN\nCOMMIT\n",
    ),
    (
        "refused at the end",
        "iptables",
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p icmp -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -m state --state NEW -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\nCOMMIT\n",
    ),
    (
        "a port",
        "nftables",
        "table inet filter {\n chain input {\n type filter hook input priority 0; policy drop;\n tcp dport 6379 accept\n }\n}\n",
    ),
    (
        "a jump",
        "nftables",
        "table inet filter {\n chain web { tcp dport 6379 accept; }\n chain input {\n type filter hook input priority 0; policy drop;\n jump web\n }\n}\n",
    ),
    (
        "a set",
        "nftables",
        "table inet filter {\n set adm { type inet_service; elements = { 22, 6379 }; }\n chain input {\n type filter hook input priority 0; policy drop;\n tcp dport @adm accept\n }\n}\n",
    ),
    (
        "not from a network",
        "nftables",
        "table inet filter {\n chain input {\n type filter hook input priority 0; policy drop;\n ip saddr != 10.0.0.0/8 tcp dport 6379 drop\n tcp dport 6379 accept\n }\n}\n",
    ),
    (
        "maps of verdicts",
        "nftables",
        "table inet filter {\n chain input {\n type filter hook input priority 0; policy drop;\n ct state vmap { established : accept, related : accept, invalid : drop }\n tcp dport vmap { 6379 : accept, 22 : accept }\n }\n}\n",
    ),
    (
        "two hooks",
        "nftables",
        "table inet a { chain i { type filter hook input priority -10; policy accept; tcp dport 6379 drop; }\n}\ntable inet b { chain i { type filter hook input priority 0; policy drop; tcp dport 6379 accept; }\n}\n",
    ),
    (
        "a definition",
        "nftables",
        "define p = { 80, 6379 }\ntable inet filter {\n chain input {\n type filter hook input priority 0; policy drop;\n tcp dport $p accept\n }\n}\n",
    ),
    (
        "ranges, both protocols and a limit",
        "nftables",
        "flush ruleset\ntable inet filter {\n chain input {\n type filter hook input priority filter; policy drop;\n iif lo accept\n ct state established,related accept\n tcp dport 6000-6007 accept\n meta l4proto { tcp, udp } th dport 80 accept\n tcp dport { 22, 443 } ct state new limit rate 15/minute accept\n }\n}\n",
    ),
    (
        "refused at the end",
        "nftables",
        "table ip filter {\n chain INPUT {\n type filter hook input priority 0; policy accept;\n tcp dport 22 counter accept\n ip saddr 10.0.0.0/8 accept\n counter reject\n }\n}\n",
    ),
    (
        "all ports but some",
        "nftables",
        "table inet filter {\n chain input {\n type filter hook input priority 0; policy accept;\n ct state established,related accept\n tcp dport != { 22, 80, 443 } drop\n }\n}\n",
    ),
    (
        "all ports but one",
        "iptables",
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp ! --dport 8000:9090 -j REJECT --reject-with tcp-reset\nCOMMIT\n",
    ),
];
