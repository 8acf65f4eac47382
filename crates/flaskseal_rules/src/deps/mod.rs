//! Item 6: dependencies.

use flaskseal_core::{ControlId, Item};

use crate::Rule;

mod applicable;
mod fs601_vulnerable_dependency;
mod fs602_malicious_package;
mod fs603_yanked_version;
mod fs604_missing_lock_file;
mod fs605_unpinned_requirement;
mod fs606_lock_drift;
mod fs608_end_of_life_python;
mod fs609_unsupported_framework;
mod fs610_unsafe_package_index;
mod fs611_mutable_source;
mod fs613_development_package_in_production;
mod fs614_missing_update_automation;
mod fs617_abandoned_package;
mod fs618_stale_base_image;
mod fs620_installed_lock_mismatch;
mod image;

#[rustfmt::skip]
pub(crate) static RULES: &[&dyn Rule] = &[
    &fs601_vulnerable_dependency::VulnerableDependency,
    &fs602_malicious_package::MaliciousPackage,
    &fs603_yanked_version::YankedVersion,
    &fs604_missing_lock_file::MissingLockFile,
    &fs605_unpinned_requirement::UnpinnedRequirement,
    &fs606_lock_drift::LockDrift,
    &fs608_end_of_life_python::EndOfLifePython,
    &fs609_unsupported_framework::UnsupportedFramework,
    &fs610_unsafe_package_index::UnsafePackageIndex,
    &fs611_mutable_source::MutableSource,
    &fs613_development_package_in_production::DevelopmentPackageInProduction,
    &fs614_missing_update_automation::MissingUpdateAutomation,
    &fs617_abandoned_package::AbandonedPackage,
    &fs618_stale_base_image::StaleBaseImage,
    &fs620_installed_lock_mismatch::InstalledLockMismatch,
];

const fn control(number: u8) -> ControlId {
    ControlId::new(Item::Deps, number)
}

/// Versions are fixed.
const FIXED: ControlId = control(1);
/// No known vulnerability.
const CLEAN: ControlId = control(2);
/// Advisory data is fresh.
const FRESH: ControlId = control(3);
/// Runtime and framework are supported.
const SUPPORTED: ControlId = control(4);
/// Provenance and upkeep of packages.
const UPKEEP: ControlId = control(5);
