"""Asks the kernel what a firewall lets in.

Reads cases from standard input, a JSON list of {"kind": "ufw" | "iptables" | "nftables", "text": ...}, and prints a JSON
list: for each case the ports that answer, by the address that asked, or the error that its program gave. Each case has
a network of its own, `unshare --net`, with an interface `eth0` whose other end is this program: it sends the first
packet of a TCP connection to each port and looks for the second. Something listens on every port, so that only the
firewall decides.

The first argument is the folder of the unpacked packages (`ufw`, `iptables`, `nftables` and their libraries), below which
`bin` has their programs under the names that UFW looks for.
"""

import concurrent.futures
import fcntl
import glob
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

PORTS = [21, 22, 25, 80, 443, 3306, 5000, 5432, 6000, 6007, 6379, 8000, 8080, 9090]
SOURCES = ["203.0.113.9", "10.1.2.3"]
HERE = "192.0.2.1"


def main():
    packages = sys.argv[1]
    if len(sys.argv) > 2:
        json.dump(case(packages, json.load(sys.stdin)), sys.stdout)
        return

    def apart(one):
        command = ["unshare", "--net", sys.executable, __file__, packages, "one"]
        done = subprocess.run(command, input=json.dumps(one), capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr.strip()}

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        json.dump(list(pool.map(apart, json.load(sys.stdin))), sys.stdout)


def case(packages, one):
    libraries = [*glob.glob(f"{packages}/usr/lib/*-linux-gnu"), *glob.glob(f"{packages}/lib/*-linux-gnu")]
    os.environ["LD_LIBRARY_PATH"] = ":".join(libraries)
    os.environ["XTABLES_LIBDIR"] = os.path.join(libraries[0], "xtables")
    os.environ["PATH"] = os.path.join(packages, "bin") + ":" + os.environ["PATH"] + ":/usr/sbin:/sbin"
    device = interface()
    held = [listen(port) for port in PORTS]
    with tempfile.TemporaryDirectory() as folder:
        error = {"ufw": ufw, "iptables": iptables, "nftables": nftables}[one["kind"]](packages, folder, one["text"])
        if error:
            return {"error": error}
        answers = {source: sorted(ask(device, source)) for source in SOURCES}
    assert held
    return {"open": answers}


def interface():
    device = os.open("/dev/net/tun", os.O_RDWR)
    no_frame, no_header = 0x0001, 0x1000
    fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"eth0", no_frame | no_header))
    for words in ("link set lo up", f"addr add {HERE}/24 dev eth0", "link set eth0 up", "route add default dev eth0"):
        subprocess.run(["ip", *words.split()], check=True)
    return device


def listen(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen()
    return listener


def run(words, **options):
    done = subprocess.run(words, capture_output=True, text=True, **options)
    return None if done.returncode == 0 else (done.stderr + done.stdout).strip() or f"status {done.returncode}"


def iptables(packages, folder, text):
    return run(["iptables-restore"], input=text)


def nftables(packages, folder, text):
    return run(["nft", "-f", "-"], input=text)


def ufw(packages, folder, script):
    # UFW keeps its rules in files below its root folder, which it gets fresh, as its package installs them.
    root = os.path.join(folder, "root")
    shutil.copytree(os.path.join(packages, "usr/share/ufw"), os.path.join(root, "etc/ufw"))
    for path in ("etc/ufw", "lib/ufw", "usr/share/ufw"):
        shutil.copytree(os.path.join(packages, path), os.path.join(root, path), dirs_exist_ok=True)
    os.makedirs(os.path.join(root, "etc/default"))
    shutil.copy(os.path.join(packages, "etc/default/ufw"), os.path.join(root, "etc/default/ufw"))
    # The program that loads the rules looks for iptables where the system has it.
    path = os.path.join(root, "lib/ufw/ufw-init-functions")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace('\nPATH="', f'\nPATH="{packages}/bin:'))
    wrapper = os.path.join(folder, "ufw")
    with open(wrapper, "w") as file:
        file.write(
            f"#!{sys.executable}\nimport os, runpy, shutil, sys\n"
            f"sys.path.insert(0, {os.path.join(packages, 'usr/lib/python3/dist-packages')!r})\n"
            "import ufw.common\nufw.common.iptables_dir = os.path.dirname(shutil.which('iptables'))\n"
            f"sys.argv[1:1] = ['--rootdir={root}', '--datadir={root}']\n"
            f"runpy.run_path({os.path.join(packages, 'usr/sbin/ufw')!r}, run_name='__main__')\n"
        )
    os.chmod(wrapper, 0o755)
    environment = dict(os.environ, PATH=folder + ":" + os.environ["PATH"])
    return run(["sh", "-e", "-c", script], env=environment)


def ask(device, source):
    """The ports that take a connection from an address."""
    for port in PORTS:
        os.write(device, first_packet(source, port))
    found = set()
    until = time.monotonic() + 0.25
    while (rest := until - time.monotonic()) > 0 and len(found) < len(PORTS):
        if not select.select([device], [], [], rest)[0]:
            break
        packet = os.read(device, 2048)
        if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP:
            continue
        header = (packet[0] & 15) * 4
        port, _, _, _, offset = struct.unpack_from("!HHIIH", packet, header)
        if socket.inet_ntoa(packet[16:20]) == source and offset & 0x3F == 0x12:
            found.add(port)
    return found


def first_packet(source, port):
    addresses = socket.inet_aton(source) + socket.inet_aton(HERE)
    tcp = struct.pack("!HHIIHHHH", 40000 + port % 1000, port, 1, 0, 0x5002, 64240, 0, 0)
    check = checksum(addresses + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), port, 0, 64, socket.IPPROTO_TCP, 0) + addresses
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


main()
