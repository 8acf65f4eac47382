//! Files of hosting platforms.
#![no_main]

use flaskseal_deploy::FileKind;
use flaskseal_fuzz::{assert_inside, deploy};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let kinds = [
        (FileKind::AppEngine, "app.yaml"),
        (FileKind::Zappa, "zappa_settings.json"),
        (FileKind::Serverless, "serverless.yml"),
        (FileKind::Render, "render.yaml"),
        (FileKind::Fly, "fly.toml"),
        (FileKind::Railway, "railway.json"),
        (FileKind::Heroku, "heroku.yml"),
    ];
    for (kind, path) in kinds {
        assert_inside(text, &flaskseal_deploy::platform::parse(text, kind).problems);
        deploy(path, text);
    }
});
