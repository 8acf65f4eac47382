//! Manifests of Python packages: every reader, whatever the text calls itself.
#![no_main]

use flaskseal_deps::{
    Manifest, have_common_version, read_pipfile, read_pyproject, read_requirements, read_setup_cfg,
};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let readers: [fn(&str) -> Manifest; 4] =
        [read_requirements, read_pyproject, read_setup_cfg, read_pipfile];
    for read in readers {
        let manifest = read(text);
        let requirements = manifest.requirements.iter().map(|one| one.range);
        let others =
            manifest.problems.iter().map(|one| one.range).chain(manifest.indexes.iter().map(|one| one.range));
        for range in requirements.chain(others) {
            assert!(text.get(range.start as usize..range.end as usize).is_some(), "{range:?}");
        }
        for pair in manifest.requirements.windows(2).take(20) {
            let [a, b] = pair else { continue };
            let answer = have_common_version(&a.specifiers, &b.specifiers);
            assert_eq!(answer, have_common_version(&b.specifiers, &a.specifiers), "{pair:?}");
        }
    }
});
