//! Lock files, bills of materials and installed environments, and what is installed from them.
#![no_main]

use flaskseal_deps::{
    Lock, Target, is_made_from, read_bill_of_materials, read_environment, read_pdm_lock, read_pipfile_lock,
    read_poetry_lock, read_pylock, read_pyproject, read_uv_lock,
};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let readers: [fn(&str) -> Lock; 6] =
        [read_uv_lock, read_poetry_lock, read_pdm_lock, read_pylock, read_pipfile_lock, read_environment];
    let manifest = read_pyproject(text);
    let target = Target { linux: true, pythons: vec![(3, 11)], ..Target::default() };
    for lock in readers.iter().map(|read| read(text)).chain(read_bill_of_materials(text)) {
        for package in &lock.packages {
            let range = package.range;
            assert!(text.get(range.start as usize..range.end as usize).is_some(), "{range:?}");
        }
        let _ = is_made_from(&lock, text);
        for selected in lock.selected(Some(&manifest), &target) {
            assert!(selected.index < lock.packages.len());
            for marker in &selected.undecided {
                let _ = marker.describe(&target);
            }
        }
    }
});
