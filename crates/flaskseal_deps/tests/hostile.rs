//! No reader panics, hangs or points outside its file, whatever stands in it.

use flaskseal_deps::{
    Lock, Manifest, is_made_from, read_bill_of_materials, read_environment, read_osv, read_pdm_lock,
    read_pipfile, read_pipfile_lock, read_poetry_lock, read_pylock, read_pyproject, read_requirements,
    read_setup_cfg, read_uv_lock,
};

/// A reader, and a text that it reads well.
type Sample<T> = (fn(&str) -> T, &'static str);

const MANIFESTS: &[Sample<Manifest>] = &[
    (
        read_requirements,
        "--index-url https://é.example/\n-r base.txt\nflask[async]==2.0.1 ; python_version < '3.9' \\\n  --hash=sha256:aa \\\n    # via\n    #   -r x\n    #   click\n-e git+https://x/y@main#egg=y\nhttps://x/é.zip\n",
    ),
    (
        read_pyproject,
        "[project]\nname = \"é\"\nrequires-python = \">=3.9\"\ndependencies = [\"flask>=1\", \"é\"]\n[dependency-groups]\na = [\"b\", {include-group = \"a\"}, {include-group = \"c\"}]\nc = [{include-group = \"a\"}, {include-group = \"a\"}]\n[tool.poetry.dependencies]\nx = [{version = \"^1\", markers = \"os_name == 'nt'\"}]\n[tool.uv.sources]\nflask = {git = \"https://x\"}\n",
    ),
    (
        read_setup_cfg,
        "[options]\ninstall_requires =\n  flask>=2\n  é\npython_requires = >=3.9\n[options.extras_require]\nx = y\n",
    ),
    (
        read_pipfile,
        "[[source]]\nurl = \"http://x\"\nverify_ssl = false\n[packages]\nflask = \"*\"\né = {git = \"x\", ref = \"y\"}\n[requires]\npython_version = \"3.12\"\n",
    ),
];

const LOCKS: &[Sample<Lock>] = &[
    (
        read_uv_lock,
        "version = 1\n[[package]]\nname = \"shop\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"é\", marker = \"os_name == 'nt'\" }]\n[package.optional-dependencies]\nx = [{ name = \"y\" }]\n[[package]]\nname = \"é\"\nversion = \"1.0\"\ndependencies = [{ name = \"é\" }]\nwheels = [{ url = \"x\", hash = \"sha256:a\" }]\n",
    ),
    (
        read_poetry_lock,
        "[[package]]\nname = \"flask\"\nversion = \"2.0\"\noptional = true\ngroups = [\"main\"]\nfiles = [{file = \"é\", hash = \"x\"}]\n[package.dependencies]\nclick = {version = \">=8\", optional = true, markers = \"extra == 'é'\"}\n[package.extras]\né = [\"click (>=8)\"]\n[metadata]\nlock-version = \"2.0\"\n",
    ),
    (
        read_pdm_lock,
        "[metadata]\nlock_version = \"4.5\"\n[[package]]\nname = \"é\"\nversion = \"1\"\ngroups = [\"default\"]\ndependencies = [\"click>=8; os_name == 'nt'\"]\n",
    ),
    (
        read_pylock,
        "lock-version = \"1.0\"\n[[packages]]\nname = \"é\"\nversion = \"1\"\nmarker = \"'x' in extras\"\nvcs = {url = \"x\", commit-id = \"y\"}\n",
    ),
    (
        read_pipfile_lock,
        "{\"_meta\": {\"hash\": {\"sha256\": \"é\"}}, \"default\": {\"é\": {\"version\": \"==1\", \"markers\": \"os_name == 'nt'\"}}, \"develop\": []}",
    ),
    // A digest that stands nowhere as the parser gives it.
    (read_pipfile_lock, "{\"é\": 1, \"_meta\": {\"hash\": {\"sha256\": \"\\u00e9a\"}}}"),
    (
        read_bill,
        "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.6\"><metadata><component bom-ref=\"é\"/></metadata><components><component bom-ref=\"f\"><purl> pkg:pypi/é@1&amp;2 </purl><scope>excluded</scope><components/></component></components><dependencies><dependency ref=\"é\"><dependency ref=\"f\"/></dependency></dependencies></bom>",
    ),
    (
        read_bill,
        "SPDXVersion: SPDX-2.3\nPackageName: é\nSPDXID: SPDXRef-x\nPackageComment: <text>a\né</text>\nExternalRef: PACKAGE-MANAGER purl pkg:pypi/x@1\nRelationship: SPDXRef-x DEPENDS_ON SPDXRef-x\n",
    ),
    (
        read_bill,
        "{\"bomFormat\": \"CycloneDX\", \"components\": [{\"bom-ref\": \"é\", \"purl\": \"pkg:pypi/flask@2.0%2B\"}], \"dependencies\": [{\"ref\": \"é\", \"dependsOn\": [\"é\"]}]}",
    ),
    (read_environment, "# é.dist-info\nName: Flask\nVersion: 2.0.1\nRequires-Dist: é (>=2) ; extra == 'x'\n"),
];

fn read_bill(text: &str) -> Lock {
    read_bill_of_materials(text).unwrap_or_else(|| read_environment(""))
}

/// The sample cut at every character, and with every character replaced by one that means something somewhere.
fn variants(sample: &str) -> impl Iterator<Item = String> {
    let places: Vec<(usize, char)> = sample.char_indices().collect();
    places.into_iter().flat_map(move |(at, character)| {
        let (before, after) = sample.split_at(at);
        let rest = &after[character.len_utf8()..];
        let changed = ["\"", "[", "{", "\n", "\\", "=", "é", "\0", "@", "#"];
        let changed = changed.into_iter().map(move |new| format!("{before}{new}{rest}"));
        std::iter::once(before.to_owned()).chain(changed).collect::<Vec<_>>()
    })
}

fn is_inside(range: flaskseal_core::TextRange, text: &str) -> bool {
    text.get(range.start as usize..range.end as usize).is_some()
}

#[test]
fn manifests_survive_every_change() {
    for (read, sample) in MANIFESTS {
        for text in variants(sample).chain([(*sample).to_owned()]) {
            let manifest = read(&text);
            for requirement in &manifest.requirements {
                assert!(is_inside(requirement.range, &text), "{text}");
            }
            assert!(manifest.problems.iter().all(|problem| is_inside(problem.range, &text)), "{text}");
            assert!(manifest.indexes.iter().all(|index| is_inside(index.range, &text)), "{text}");
        }
    }
}

#[test]
fn locks_survive_every_change() {
    for (read, sample) in LOCKS {
        for text in variants(sample).chain([(*sample).to_owned()]) {
            let lock = read(&text);
            assert!(lock.packages.iter().all(|package| is_inside(package.range, &text)), "{text}");
            assert!(lock.content_hash.iter().all(|(_, range)| is_inside(*range, &text)), "{text}");
            let _ = lock.selected(None, &flaskseal_deps::Target::default());
            let _ = is_made_from(&lock, &text);
        }
    }
}

#[test]
fn documents_survive_every_change() {
    let sample = r#"{"id": "A", "modified": "2024-01-01T", "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}], "affected": [{"package": {"ecosystem": "PyPI", "name": "é"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"limit": "*"}]}], "versions": ["1"]}]}"#;
    for text in variants(sample) {
        let _ = read_osv(text.as_bytes());
    }
}

#[test]
fn size_alone_does_no_harm() {
    let lines = "flask==1.0\n".repeat(500_000);
    assert_eq!(read_requirements(&lines).problems.len(), 1);
    let continued = "a\\\n".repeat(1_000_000);
    assert!(read_requirements(&continued).requirements.len() <= 1);
    let nested = "x = ".to_owned() + &"[".repeat(100_000);
    assert!(!read_pyproject(&nested).problems.is_empty());
    assert!(!read_uv_lock(&nested).problems.is_empty());
    assert!(!read_pipfile_lock(&"[".repeat(100_000)).problems.is_empty());
    for (open, close) in [("<a>", "</a>"), ("<components><component>", "</component></components>")] {
        let depth = 20_000;
        let deep = format!("<bom>{}{}</bom>", open.repeat(depth), close.repeat(depth));
        assert!(read_bill_of_materials(&deep).expect("it is a bill").packages.is_empty());
    }
    // What the parser of XML would compare with each other.
    let spaces: String = (0..101).map(|n| format!("<a xmlns:n{n}='x'>")).collect();
    let spaces = format!("<bom>{spaces}{}</bom>", "</a>".repeat(101));
    let attributes: String = (0..1_001).map(|n| format!(" a{n}='>'")).collect();
    let bill = |text: &str| read_bill_of_materials(text).expect("it may be a bill").problems;
    for hidden in ["", "<?x ' ?>", "<!-- ' -->", "<![CDATA[ ' ]]>"] {
        let text = format!("<bom>{hidden}<a{attributes}/></bom>");
        assert_eq!(bill(&text)[0].message, "has more than 1000 attributes in one tag, and was not read");
    }
    assert_eq!(bill(&spaces)[0].message, "declares more than 100 namespaces, and was not read");
    let harmless =
        format!("<bom a='1'><!-- {} --><a>{}</a></bom>", "x = 1".repeat(2_000), "xmlns=".repeat(2_000));
    assert_eq!(bill(&harmless), []);
    // Groups that include each other double with each step.
    let groups: String = (0..60)
        .map(|n| {
            format!("g{n} = [\"p{n}\", {{include-group = \"g{0}\"}}, {{include-group = \"g{0}\"}}]\n", n + 1)
        })
        .collect();
    assert!(read_pyproject(&format!("[dependency-groups]\n{groups}")).requirements.len() < 200_000);
}

#[test]
fn other_types_than_expected_are_left_out_or_told() {
    for text in [
        "package = 1",
        "package = [1, \"x\"]",
        "[[package]]\nname = 1\nversion = []",
        "[package]\nname = \"x\"",
    ] {
        for read in [read_uv_lock, read_poetry_lock, read_pdm_lock, read_pylock] {
            assert!(read(text).packages.is_empty(), "{text}");
        }
    }
    for text in ["[]", "1", "null", "{\"default\": []}", "{\"default\": {\"x\": 1}, \"_meta\": 2}"] {
        assert!(read_pipfile_lock(text).packages.iter().all(|one| one.version.is_none()), "{text}");
        assert!(read_bill_of_materials(text).is_none_or(|lock| lock.packages.is_empty()), "{text}");
    }
    for text in [
        "project = 1",
        "[project]\ndependencies = \"x\"",
        "[project]\ndependencies = [1]\n[tool]\npoetry = 2",
    ] {
        assert!(read_pyproject(text).requirements.is_empty(), "{text}");
    }
}
