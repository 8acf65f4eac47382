//! The string domain against CPython: generated programs of string operations and tests run in both, and no value that
//! CPython computes may lie outside the evaluator's answer.
//!
//! `FLASKSEAL_STRING_CASES=100000 cargo test -p flaskseal_oracle --test strings` runs as many; without it, some
//! thousands. Whatever it finds becomes one of `FOUND`.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that runs Python")]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use flaskseal_core::Tree;
use flaskseal_oracle::Oracle;
use flaskseal_project::semantic::{Fact, FactKind, Rope, Segment};
use flaskseal_project::{BuildOptions, Project};
use serde::Deserialize;

/// Programs that were answered wrongly once, and near relatives; `x` and `y` are inputs.
const FOUND: &[&str] = &[
    "if re.match('^[a-z]+$', x):\n    print(0, x)",
    "if not re.search('[^a-z0-9]', x):\n    print(0, x)\nelse:\n    print(1, x)",
    "v = x.replace('..', '')\nprint(0, v)",
    "v = re.sub('[^a-z]', '', x)\nprint(0, v)\nif v == x:\n    print(1, x)",
    "a, b, c = x.partition('=')\nprint(0, a)\nprint(1, b)\nprint(2, c)",
    "v = ('ab' + x).lstrip('a')\nprint(0, v)",
    "v = (x + ' b').strip()\nprint(0, v)",
    "v = 'a-' + x + '-b'\nprint(0, v.replace('--', '+'))\nprint(1, v.split('--'))",
    "print(0, x.upper())\nprint(1, x.title())\nprint(2, x.casefold())",
    "print(0, x.translate(str.maketrans('<>', '()', '&')))",
    "print(0, f'{x!r:>12}')\nprint(1, '%-8s|' % x)",
    "m = re.match(r'(\\w+)-(\\d+)?', x)\nif m:\n    print(0, m.group(1))\n    print(1, m.group(2))\n    print(2, m[0])",
    "if set(x) <= set('abc'):\n    print(0, x)\nelse:\n    print(1, x)",
    "if all(c in 'abc01' for c in x):\n    print(0, x)\nelse:\n    print(1, x)",
    "if any(c in '<>' for c in x):\n    abort(400)\nprint(0, x)",
    "for c in x:\n    if c in '<>':\n        abort(400)\nprint(0, x)",
    "for c in x:\n    if not c.isalnum():\n        break\nelse:\n    print(0, x)\nprint(1, x)",
    "def ok(s):\n    for c in s:\n        if c not in 'abc01':\n            return False\n    return True\nif ok(x):\n    print(0, x)\nelse:\n    print(1, x)",
    "v = ''\nfor c in x:\n    if c == 'a':\n        continue\n    v += c\nprint(0, v)\nprint(1, x)",
    "if x.replace('-', '').isalnum():\n    print(0, x)\nif x.strip('.-') == 'a':\n    print(1, x)",
    "if x[:1] == '/':\n    print(0, x)\nelse:\n    print(1, x)\nif x and x[0] != '<':\n    print(2, x)",
    "v = ''.join(c for c in x if c not in '<>')\nprint(0, v)\nprint(1, ''.join(c for c in x if c != 'a'))",
    "if os.path.basename(x) == x:\n    print(0, x)\nelse:\n    print(1, x)",
    "if set(x).isdisjoint('<>'):\n    print(0, x)\nif all(c != 'a' for c in x if c != 'b'):\n    print(1, x)",
    "if re.match('[^a-z]', x.lower()):\n    abort(400)\nprint(0, x)",
    "if len(x) < 2 or not x.startswith(\"'\") or not x.endswith(\"'\") or \"'\" in x[1:-1]:\n    abort(400)\nprint(0, x)",
    "u = urllib.parse.urlparse(x)\nif u.netloc or u.scheme:\n    abort(400)\nprint(0, x)\nprint(1, u.path)\nprint(2, u.hostname)",
    "u = urllib.parse.urlsplit('http://a/' + x)\nprint(0, u.netloc)\nprint(1, u.scheme)\nprint(2, u.path)\nprint(3, tuple(u))",
    "parts = x.split(',')\nif parts[0].isdigit():\n    print(0, parts[0])\n    print(1, parts[-1])",
];

/// How many programs are put into one module.
const BATCH: usize = 100;
/// Runs of each program.
const RUNS: usize = 10;
const CASES: usize = 3_000;

#[test]
fn no_value_lies_outside_the_answer() {
    let count = std::env::var("FLASKSEAL_STRING_CASES").ok().and_then(|count| count.parse().ok());
    let count: usize = count.unwrap_or(CASES);
    let python = Oracle::of_workspace().python;
    let mut failures: Vec<String> = Vec::new();
    let mut compared = 0;
    let mut exact = 0;
    let mut random = Random(0x5eed);
    let found: Vec<String> = FOUND.iter().map(|body| (*body).to_owned()).collect();
    let mut batches = vec![found];
    batches.extend((0..count.div_ceil(BATCH)).map(|_| (0..BATCH).map(|_| program(&mut random)).collect()));
    for bodies in batches {
        let (checked, known, misses) = check(&python, &bodies, &mut random);
        compared += checked;
        exact += known;
        failures.extend(misses);
    }
    println!("{compared} values compared, {exact} of them against an answer that says more than text");
    failures.sort_by_key(String::len);
    assert!(
        failures.is_empty(),
        "{} misses:\n\n{}",
        failures.len(),
        failures[..failures.len().min(25)].join("\n\n")
    );
    assert!(compared > count * 4, "only {compared} values were compared");
    assert!(exact * 3 > compared, "only {exact} of {compared} answers say anything");
}

/// Runs programs in CPython and in the evaluator; how many values were compared, and each that is outside.
fn check(python: &Path, bodies: &[String], random: &mut Random) -> (usize, usize, Vec<String>) {
    let text = module(bodies);
    let inputs: Vec<Vec<BTreeMap<&str, String>>> = bodies
        .iter()
        .map(|body| {
            (0..RUNS)
                .map(|_| BTreeMap::from([("x", input(random, body)), ("y", input(random, body))]))
                .collect()
        })
        .collect();
    let values = run(python, &text, &inputs);
    let answers = evaluate(&text);
    let mut misses = Vec::new();
    let mut seen = HashSet::new();
    let (mut compared, mut exact) = (0, 0);
    for (index, results) in values.iter().enumerate() {
        for (arguments, shown) in inputs[index].iter().zip(results) {
            for (place, value) in shown {
                compared += 1;
                let facts = answers.get(&(index, *place)).map_or(&[][..], Vec::as_slice);
                exact += usize::from(facts.iter().all(says_something) && !facts.is_empty());
                if !facts.iter().any(|fact| holds(fact, value)) && seen.insert((index, *place)) {
                    let facts: Vec<String> = facts.iter().map(|fact| format!("{:?}", fact.kind)).collect();
                    misses.push(format!(
                        "{}\nwith {arguments:?} shows {value:?} at {place}, outside of\n  {}",
                        bodies[index],
                        facts.join("\n  ")
                    ));
                }
            }
        }
    }
    (compared, exact, misses)
}

fn module(bodies: &[String]) -> String {
    let mut text = "import base64, binascii, hashlib, html, json, os, re, string, urllib.parse\n\
         from flask import Flask, abort, request\n\n\
         app = Flask(__name__)\n\
         WORD = re.compile('[a-z]+')\n"
        .to_owned();
    for (index, body) in bodies.iter().enumerate() {
        let body: String = body
            .replace("print(", &format!("print({index}_000 + "))
            .lines()
            .map(|line| format!("    {line}\n"))
            .collect();
        let head = format!("\n@app.route('/{index}')\ndef case_{index}():\n");
        text.push_str(&head);
        text.push_str("    x = request.args['x']\n    y = request.args['y']\n");
        text.push_str(&body);
        text.push_str("    return ''\n");
    }
    text
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Concrete {
    #[serde(rename = "NoneType")]
    Nothing(()),
    Bool(bool),
    Int(serde_json::Number),
    Str(String),
    Bytes(Vec<u8>),
    Sequence(Vec<Concrete>),
    /// Of a type that is not compared.
    Other(serde::de::IgnoredAny),
}

fn run(
    python: &Path,
    text: &str,
    inputs: &[Vec<BTreeMap<&str, String>>],
) -> Vec<Vec<Vec<(usize, Concrete)>>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracle/run_cases.py");
    let mut child = Command::new(python)
        .arg("-I")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`cargo xtask test` makes target/venv");
    let cases = serde_json::json!({ "program": text, "inputs": inputs }).to_string();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(cases.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{text}");
    let values: Vec<Vec<Vec<(usize, Concrete)>>> = serde_json::from_slice(&output.stdout).unwrap();
    let place = |results: Vec<Vec<(usize, Concrete)>>| {
        let results = results
            .into_iter()
            .map(|shown| shown.into_iter().map(|(place, value)| (place % 1000, value)).collect::<Vec<_>>());
        results.collect::<Vec<_>>()
    };
    values.into_iter().map(place).collect()
}

/// What the evaluator says of each place that shows a value.
fn evaluate(text: &str) -> HashMap<(usize, usize), Vec<Fact>> {
    let tree = Tree::from_texts([("app.py".to_owned(), text.to_owned())]);
    let parsed = flaskseal_project::parse(&tree);
    let options =
        BuildOptions { entries: vec!["app:app".to_owned()], env_complete: true, ..BuildOptions::default() };
    let project = Project::build(&tree, &parsed, &options);
    let start =
        project.apps.first().and_then(|app| app.starts.first()).expect("the module makes an application");
    let mut answers: HashMap<(usize, usize), Vec<Fact>> = HashMap::new();
    for event in &start.evaluation.events {
        if let [place, value] = &event.positional[..]
            && &*event.path == "builtins.print"
            && let Some(place) = place.as_int()
        {
            let place = (place as usize / 1000, place as usize % 1000);
            answers.entry(place).or_default().push(value.clone());
        }
    }
    answers
}

fn says_something(fact: &Fact) -> bool {
    match &fact.kind {
        FactKind::Str(rope) => {
            rope.segments().len() != 1
                || rope.as_hole().is_none_or(|hole| {
                    hole.alphabet != flaskseal_project::semantic::Alphabet::ALL || hole.absent.is_some()
                })
        }
        FactKind::OneOf(facts) => facts.iter().all(|(fact, _)| says_something(fact)),
        FactKind::Unknown | FactKind::Path(_) => false,
        _ => true,
    }
}

/// Whether a concrete value is one of those that the fact stands for.
fn holds(fact: &Fact, value: &Concrete) -> bool {
    match (&fact.kind, value) {
        (FactKind::Unknown | FactKind::Path(_), _) | (_, Concrete::Other(_)) => true,
        (FactKind::OneOf(facts), _) => facts.iter().any(|(fact, _)| holds(fact, value)),
        (FactKind::Instance(..), _) => true,
        (FactKind::None, Concrete::Nothing(())) | (FactKind::SomeBool, Concrete::Bool(_)) => true,
        (FactKind::Bool(known), Concrete::Bool(value)) => known == value,
        (FactKind::Int(known), Concrete::Int(value)) => value.as_i64() == Some(*known),
        (FactKind::SomeInt, Concrete::Int(_)) => true,
        (FactKind::Str(rope), Concrete::Str(text)) => matches(rope, text),
        (FactKind::EncodedText(rope), Concrete::Bytes(bytes)) => {
            matches(rope, &String::from_utf8_lossy(bytes))
        }
        (FactKind::Bytes(known), Concrete::Bytes(bytes)) => **known == **bytes,
        (FactKind::Sequence { items, open }, Concrete::Sequence(values)) => {
            // What follows the known elements is not said.
            if *open {
                return items.iter().zip(values).all(|(item, value)| holds(item, value));
            }
            items.len() == values.len() && items.iter().zip(values).all(|(item, value)| holds(item, value))
        }
        _ => false,
    }
}

/// Whether a text is one of those that the rope stands for.
fn matches(rope: &Rope, text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    // Where in the text the segments so far can end.
    let mut ends = BTreeSet::from([0]);
    for segment in rope.segments() {
        let mut next = BTreeSet::new();
        for start in ends {
            match segment {
                Segment::Literal(literal) => {
                    let literal: Vec<char> = literal.chars().collect();
                    if characters[start..].starts_with(&literal) {
                        next.insert(start + literal.len());
                    }
                }
                Segment::Hole(hole) => {
                    next.insert(start);
                    for end in start..characters.len() {
                        let fits = hole.alphabet.contains(characters[end])
                            && (end > start || hole.first.contains(characters[end]));
                        let part: String = characters[start..=end].iter().collect();
                        let lacks = hole.absent.iter().flat_map(|absent| absent.iter());
                        if !fits || lacks.clone().any(|absent| part.contains(&**absent)) {
                            break;
                        }
                        next.insert(end + 1);
                    }
                }
            }
        }
        ends = next;
    }
    ends.contains(&characters.len())
}

// Programs and inputs.

/// A small generator, so that every run tests the same programs (Steele and others, SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn pick<'t, T: ?Sized>(&mut self, choices: &[&'t T]) -> &'t T {
        choices[self.below(choices.len())]
    }
}

const TEXTS: &[&str] = &[
    "''",
    "'a'",
    "'ab'",
    "','",
    "'/'",
    "'..'",
    "'../'",
    "'.'",
    "'-'",
    "'--'",
    "\"'\"",
    "'\"'",
    "'<'",
    "'<b>'",
    "' '",
    "'=x'",
    "'é'",
    "'0'",
    "'1'",
    "'abc'",
    "'http://'",
    "'_'",
    "':'",
    "'\\n'",
    "'%'",
    "'aa'",
    "'A'",
];
const CHARACTERS: &[&str] =
    &["'a'", "','", "'/'", "'.'", "\"'\"", "'<'", "'-'", "'A'", "'0'", "'\\\\'", "' '"];
const PATTERNS: &[&str] = &[
    r"'[a-z]+'",
    r"'^[a-z0-9]*$'",
    r"'\w+'",
    r"'^\w+$'",
    r"'[^a-z]'",
    r"'[<>]'",
    r"'\.\.'",
    r"'(a|b)+'",
    r"'\d{1,3}'",
    r"'(?i)ab?'",
    r"'^(?:asc|desc)$'",
    r"'a.b'",
    r"'^[^/]+$'",
    r"'\s+'",
    "'[<>&]'",
    r"'\A[\w.-]+\Z'",
    r"'(?m)^a'",
    r"'^a|b$'",
    r"'\W'",
    r"'(\w+)=(\w*)'",
    r"'x?'",
    r"'[A-Z_]+'",
    r"'(?P<n>[a-c]+)\d?'",
    r"'[^\W\d]'",
    r"'é+'",
    r"'(?s).+'",
    r"'(?i)[k]'",
    r"'a{2}'",
    r"'\bab'",
    r"'(a)\1'",
    r"'(?=a)a'",
    r"'[a-f\d-]+$'",
];
/// Expressions that give text: `S` is text, `C` a constant, `K` a character, `N` a number, `P` a pattern.
const EXPRESSIONS: &[&str] = &[
    "S.lower()",
    "S.upper()",
    "S.title()",
    "S.capitalize()",
    "S.swapcase()",
    "S.casefold()",
    "S.strip()",
    "S.lstrip()",
    "S.rstrip()",
    "S.strip(C)",
    "S.lstrip(K)",
    "S.rstrip(C)",
    "S.replace(C, C)",
    "S.replace(K, '')",
    "S.replace(K, C)",
    "S.replace(C, '')",
    "S.replace(C, C, 1)",
    "S.replace(K, S)",
    "S[N:]",
    "S[:N]",
    "S[N:N]",
    "S[N]",
    "S[::2]",
    "S[::-1]",
    "S + C",
    "C + S",
    "S + S",
    "C + S + C",
    "f'{S}'",
    "f'a{S}b'",
    "f'{S:>6}'",
    "f'{S:*^7}|'",
    "f'{S:.2}'",
    "f'{S!r}'",
    "f'{S!a}'",
    "'%s' % S",
    "'%s-%s' % (S, S)",
    "'%r' % S",
    "'%5s|' % S",
    "'{}/{}'.format(S, S)",
    "'{0:<5}{k}'.format(S, k=S)",
    "'{a!r}'.format_map({'a': S})",
    "C.join([S, S])",
    "C.join([S, S, C])",
    "C.join(S.split(C))",
    "S.split(C)[0]",
    "S.split(K)[-1]",
    "S.split()[0]",
    "S.split(K, 1)[0]",
    "S.rsplit(K, 1)[-1]",
    "S.rsplit(K, 1)[0]",
    "S.partition(C)[0]",
    "S.partition(K)[2]",
    "S.rpartition(K)[0]",
    "S.rpartition(C)[2]",
    "S.splitlines()[0]",
    "S.zfill(4)",
    "S.ljust(5, K)",
    "S.rjust(5)",
    "S.center(6, '*')",
    "S.expandtabs()",
    "S.removeprefix(C)",
    "S.removesuffix(C)",
    "S.translate(str.maketrans('ab', 'xy'))",
    "S.translate(str.maketrans('', '', C))",
    "S.translate({60: None, 62: '>>'})",
    "S.encode().decode()",
    "S.encode('ascii', 'ignore').decode()",
    "S.encode().replace(b'a', b'').decode()",
    "S.encode().hex()",
    "''.join(c for c in S if c.isalnum())",
    "''.join([c for c in S if c in 'abc01'])",
    "''.join(c for c in S if c not in C)",
    "''.join(c if c.isalnum() else '_' for c in S)",
    "''.join(map(str.upper, S))",
    "''.join(filter(str.isalnum, S))",
    "''.join(reversed(S))",
    "''.join(sorted(S))",
    "S * 2",
    "str(S)",
    "str(len(S))",
    "S or C",
    "S and C",
    "S if S else C",
    "(S if K in S else C)",
    "re.sub(P, '', S)",
    "re.sub(P, C, S)",
    "re.sub(P, r'<\\g<0>>', S)",
    "re.sub(P, lambda m: m.group(0).upper(), S)",
    "re.split(P, S)[0]",
    "''.join(re.findall(r'[a-z]', S))",
    "(re.match(P, S) or re.match('', S)).group()",
    "(re.search(P, S) or re.match('', S))[0]",
    "WORD.sub('', S)",
    "html.escape(S)",
    "html.escape(S, quote=False)",
    "html.unescape(S)",
    "urllib.parse.quote(S)",
    "urllib.parse.quote_plus(S)",
    "urllib.parse.quote(S, safe='')",
    "urllib.parse.unquote(S)",
    "urllib.parse.urlencode({'a': S})",
    "urllib.parse.urlparse(S).netloc",
    "urllib.parse.urlsplit(S).path",
    "urllib.parse.urljoin('/a/b', S)",
    "urllib.parse.urlparse(S).scheme",
    "urllib.parse.urlparse(C + S).netloc",
    "urllib.parse.urlsplit(S)[2]",
    "(urllib.parse.urlparse(S).hostname or C)",
    "urllib.parse.urlparse(S).query",
    "urllib.parse.urlparse(S).geturl()",
    "base64.b64encode(S.encode()).decode()",
    "base64.urlsafe_b64encode(S.encode()).decode()",
    "hashlib.md5(S.encode()).hexdigest()",
    "json.dumps(S)",
    "os.path.basename(S)",
    "os.path.dirname(S)",
    "os.path.splitext(S)[1]",
    "os.path.splitext(S)[0]",
    "os.path.join('/base', S)",
    "os.path.normpath('/base/' + S)",
    "binascii.hexlify(S.encode()).decode()",
    "repr(S)",
    "ascii(S)",
    "format(S, '>4')",
    "string.Template('$a!').substitute(a=S)",
    "string.capwords(S)",
    "max(S, C)",
    "min([S, C])",
    "next(iter(S.split(C)))",
    "[S, C][0]",
    "{'k': S}['k']",
    "(lambda v: v + C)(S)",
];
const CONDITIONS: &[&str] = &[
    "S.isalnum()",
    "S.isdigit()",
    "S.isalpha()",
    "S.isidentifier()",
    "S.isprintable()",
    "S.isascii()",
    "S.isspace()",
    "S.isupper()",
    "S.islower()",
    "S.isdecimal()",
    "S == C",
    "S != C",
    "S in ('a', 'ab', C)",
    "S not in ['a', C]",
    "S in {'a', 'b'}",
    "S in {'a': 1}",
    "S in 'abc'",
    "C in S",
    "C not in S",
    "K in S",
    "S.startswith(C)",
    "S.endswith(C)",
    "S.startswith((C, C))",
    "not S.startswith(C)",
    "re.match(P, S)",
    "re.fullmatch(P, S)",
    "re.search(P, S)",
    "not re.search(P, S)",
    "not re.match(P, S)",
    "re.match(P, S) is None",
    "bool(re.fullmatch(P, S))",
    "WORD.fullmatch(S)",
    "not WORD.search(S)",
    "len(S) < 3",
    "len(S) == 1",
    "S",
    "not S",
    "S is None",
    "isinstance(S, str)",
    "all(c in 'abc01' for c in S)",
    "all(c.isalnum() for c in S)",
    "any(c in '<>' for c in S)",
    "not any(c == K for c in S)",
    "set(S) <= set('abc')",
    "set(S).issubset('abc0')",
    "set('<>') & set(S)",
    "not set(S) - set('ab')",
    "S.find(C) == -1",
    "S.find(K) >= 0",
    "S.count(K) == 0",
    "S[0] == K",
    "S[:1] == 'a'",
    "S[-1:] in ('a', '/')",
    "S.lower() == C",
    "S.lower() in ('a', 'ab')",
    "S.strip() == C",
    "S.split(K)[0] == C",
    "S > C",
    "'a' <= S <= 'b'",
    "S == S",
    "S.replace('-', '').isalnum()",
    "(m := re.match(P, S))",
    "S.strip('.-').isalnum()",
    "urllib.parse.urlparse(S).netloc == ''",
    "os.path.basename(S) == S",
    "S.isalnum() and C not in S",
    "S.isdigit() or S == C",
    "not (S.isalpha() or K in S)",
    "next((False for c in S if c not in 'abc'), True)",
    "S.upper() != S",
    "{c for c in S} <= {'a', 'b'}",
    "S.partition(K)[1] == ''",
    "len(S.split(K)) == 1",
];

fn filled(random: &mut Random, template: &str, names: &[String]) -> String {
    let mut text = String::new();
    for character in template.chars() {
        match character {
            'S' => text.push_str(&names[random.below(names.len())]),
            'C' => text.push_str(random.pick(TEXTS)),
            'K' => text.push_str(random.pick(CHARACTERS)),
            'P' => {
                text.push('r');
                text.push_str(random.pick(PATTERNS));
            }
            'N' => text.push_str(random.pick(&["0", "1", "2", "3", "-1", "-2", "7"])),
            other => text.push(other),
        }
    }
    text
}

/// `Some` templates have words with capitals of their own.
fn fill(random: &mut Random, templates: &[&str], names: &[String]) -> String {
    loop {
        let template = random.pick(templates);
        // Names of modules and constants are not places to fill.
        let kept = template
            .replace("WORD", "\u{1}")
            .replace("Template", "\u{2}")
            .replace("False", "\u{3}")
            .replace("True", "\u{4}")
            .replace("None", "\u{5}");
        let text = filled(random, &kept, names);
        let text = text
            .replace('\u{1}', "WORD")
            .replace('\u{2}', "Template")
            .replace('\u{3}', "False")
            .replace('\u{4}', "True")
            .replace('\u{5}', "None");
        // A quote inside an f-string's field needs another quote before Python 3.12.
        if !(text.starts_with("f'") && text.matches('\'').count() > 2) {
            return text;
        }
    }
}

/// A function's body.
fn program(random: &mut Random) -> String {
    let mut names = vec!["x".to_owned(), "y".to_owned()];
    let mut lines: Vec<String> = Vec::new();
    let mut place = 0;
    let mut show = |name: &str| {
        place += 1;
        format!("print({}, {name})", place - 1)
    };
    for step in 0..=random.below(4) {
        let last = names[names.len() - 1 - random.below(2)].clone();
        match random.below(12) {
            0..=5 => {
                let name = format!("v{step}");
                lines.push(format!("{name} = {}", fill(random, EXPRESSIONS, &names)));
                lines.push(show(&name));
                names.push(name);
            }
            6 | 7 => {
                let test = fill(random, CONDITIONS, &names);
                lines.push(format!("if {test}:\n    {}\nelse:\n    {}", show(&last), show(&last)));
                if random.below(2) == 0 {
                    lines.push(format!("print({}, x)", 900 + step));
                }
            }
            8 => {
                let test = fill(random, CONDITIONS, &names);
                let end = random.pick(&["return 'no'", "abort(400)", "raise ValueError"]);
                lines.push(format!("if {test}:\n    {end}"));
                for name in names.clone().iter().rev().take(2) {
                    lines.push(show(name));
                }
            }
            9 => {
                let test = fill(random, CONDITIONS, &["v".to_owned()]);
                let helper = format!("h{step}");
                lines.push(format!(
                    "def {helper}(v):\n    if {test}:\n        return True\n    return False\nif not {helper}({last}):\n    abort(400)"
                ));
                lines.push(show(&last));
            }
            10 => {
                let test = fill(random, CONDITIONS, &["c".to_owned()]);
                let name = format!("v{step}");
                lines.push(format!("{name} = ''\nfor c in {last}:\n    if {test}:\n        {name} += c"));
                lines.push(show(&name));
                names.push(name);
            }
            _ => {
                let test = fill(random, CONDITIONS, &names);
                let name = format!("v{step}");
                let one = fill(random, EXPRESSIONS, &names);
                let other = fill(random, EXPRESSIONS, &names);
                lines.push(format!("if {test}:\n    {name} = {one}\nelse:\n    {name} = {other}"));
                lines.push(show(&name));
                names.push(name);
            }
        }
    }
    lines.join("\n")
}

/// A text that has a fair chance to pass the program's tests.
fn input(random: &mut Random, body: &str) -> String {
    const PIECES: &[&str] = &[
        "a", "b", "c", "ab", "A", "Z", "0", "1", "12", "_", "-", ".", "..", "../", "/", "//", "\\", "'",
        "\"", "<", ">", "<b>", "&", "&lt;", "%", "%3C", " ", "\t", "\n", "\r\n", "=", ",", ":", ";",
        "http://", "é", "ß", "İ", "\u{212a}", "가", "\u{2028}", "²", "\u{1f0}", "\u{0}", "asc", "desc",
        "\u{1c}", "k", "s", "$", "{", "}", "@", "x", "٣",
    ];
    // Constants of the program.
    let constants: Vec<&str> =
        body.split(['\'', '"']).skip(1).step_by(2).filter(|text| text.len() < 12).collect();
    let mut text = String::new();
    for _ in 0..random.below(5) {
        if !constants.is_empty() && random.below(3) == 0 {
            text.push_str(constants[random.below(constants.len())]);
        } else {
            text.push_str(random.pick(PIECES));
        }
    }
    if random.below(3) == 0 {
        text.retain(|character| character.is_ascii_alphanumeric());
    }
    text
}
