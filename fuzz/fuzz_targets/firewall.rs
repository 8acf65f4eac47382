//! Rules of firewalls in all their forms: commands in a script, the files of UFW, dumps and rulesets.
#![no_main]

use flaskseal_fuzz::deploy;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for path in
        ["ufw.sh", "etc/ufw/user.rules", "status.rules", "rules.v4", "site.nft", "etc/ssh/sshd_config"]
    {
        deploy(path, text);
    }
});
