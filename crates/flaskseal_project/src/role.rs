//! What a file is for, by its path: production does not load tests, and findings in them would be noise.

/// The part that a file plays, where its path tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Nothing speaks against production.
    Source,
    /// `tests/`, `test_*.py`, `conftest.py` and their kin.
    Test,
    /// Examples, documentation, migrations, vendored and generated code.
    Aside,
}

pub fn role_of(path: &str) -> Role {
    if path.starts_with(flaskseal_deploy::HOST_PREFIX) {
        return Role::Source;
    }
    let (folders, name) = path.rsplit_once('/').map_or(("", path), |(folders, name)| (folders, name));
    let is_test_file = name.starts_with("test_")
        || name.ends_with("_test.py")
        || name.ends_with("_tests.py")
        || matches!(name, "conftest.py" | "noxfile.py" | "tests.py" | "toxfile.py");
    let mut parts = folders.split('/');
    let is_for_tests = |part: &str| {
        matches!(
            part,
            "tests"
                | "test"
                | "testing"
                | "e2e"
                | "spec"
                | "testdata"
                | "test_data"
                | "test-data"
                | "__fixtures__"
        )
    };
    if is_test_file || parts.clone().any(is_for_tests) {
        return Role::Test;
    }
    let is_aside = parts.any(|part| {
        matches!(
            part,
            "examples"
                | "example"
                | "docs"
                | "doc"
                | "migrations"
                | "alembic"
                | "node_modules"
                | "site-packages"
                | "vendor"
                | "vendored"
                | "_vendor"
                | "third_party"
                | "benchmarks"
                | "samples"
        )
    });
    if is_aside || name == "setup.py" { Role::Aside } else { Role::Source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_source() {
        for path in
            ["shop/contest.py", "latest/app.py", "attest.py", "testimonials/views.py", "app/testing_tools.py"]
        {
            assert_eq!(role_of(path), Role::Source, "{path}");
        }
        assert_eq!(role_of("tests/test_app.py"), Role::Test);
        assert_eq!(role_of("shop/tests.py"), Role::Test);
        assert_eq!(role_of("migrations/versions/1.py"), Role::Aside);
    }
}
