//! Programs that are written to take forever, as trees of files.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A name, and files by their paths.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) files: Vec<(String, String)>,
}

impl Program {
    /// One file, that makes an application and goes on so.
    fn new(name: &'static str, body: &str) -> Self {
        let head = "import os\nimport re\nfrom flask import Flask, request\nfrom flask.views import MethodView\n\n\
                    app = Flask(__name__)\n\n";
        Self { name, files: vec![("app.py".to_owned(), format!("{head}{body}"))] }
    }

    /// One view with this body.
    fn view(name: &'static str, body: &str) -> Self {
        Self::new(name, &format!("@app.route('/')\ndef view():\n    x = ''\n{body}    return str(x)\n"))
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        for (path, text) in &self.files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap_or(folder))
                .with_context(|| format!("cannot make the folder of {}", path.display()))?;
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

pub(crate) fn programs() -> Vec<Program> {
    let input = |i: usize| format!("request.args.get('a{i}')");
    vec![
        Program::new(
            "10,000 views in a file",
            &lines(10_000, |i| {
                format!("@app.route('/v{i}')\ndef v{i}():\n    return '<p>' + request.args['q']")
            }),
        ),
        Program::new(
            "5,000 view classes in a file",
            &lines(5_000, |i| {
                format!(
                    "class V{i}(MethodView):\n    def get(self):\n        return request.args['q']\n\
                     app.add_url_rule('/v{i}', view_func=V{i}.as_view('v{i}'))"
                )
            }),
        ),
        Program::new(
            "a table of 10,000 routes",
            &format!(
                "{}ROUTES = {{\n{}}}\nfor rule, view in ROUTES.items():\n    app.add_url_rule(rule, rule, view)\n",
                lines(10_000, |i| format!("def v{i}():\n    return request.args['q']")),
                lines(10_000, |i| format!("    '/r{i}': v{i},")),
            ),
        ),
        Program::new(
            "20,000 functions in a file",
            &lines(20_000, |i| format!("def f{i}(a, b):\n    c = a + b\n    return c == {i}")),
        ),
        Program::new("20,000 settings", &lines(20_000, |i| format!("app.config['K{i}'] = 'v{i}'"))),
        Program::new(
            "5,000 classes, each of the one before",
            &format!(
                "class C0:\n    pass\n{}",
                lines(5_000, |i| format!("class C{}(C{i}):\n    def m{i}(self):\n        return {i}", i + 1))
            ),
        ),
        Program::new(
            "a list of 300,000 texts",
            &format!("items = [\n{}]\n", lines(300_000, |i| format!("    'item {i}',"))),
        ),
        Program::new("20,000 operands", &format!("x = {}\n", ["'a'"; 20_000].join(" + "))),
        Program::new("5,000 parentheses", &format!("x = {}1{}\n", "(".repeat(5_000), ")".repeat(5_000))),
        Program::new("20,000 calls on a call", &format!("x = app{}\n", ".a()".repeat(20_000))),
        Program::new(
            "5,000 decorators",
            &format!(
                "def d(f):\n    return f\n{}@app.route('/')\ndef view():\n    return request.args['q']\n",
                "@d\n".repeat(5_000)
            ),
        ),
        Program::new(
            "50 functions that call each other",
            &format!(
                "{}@app.route('/')\ndef view():\n    return f0(request.args['q'])\n",
                lines(50, |i| {
                    format!(
                        "def f{i}(x):\n    for y in x:\n        if y:\n            return f{}(y)\n    \
                         return f{}(x) + f{}(x)",
                        i * 3 % 50,
                        (i + 1) % 50,
                        (i + 7) % 50
                    )
                })
            ),
        ),
        Program::new(
            "40 functions that call the next one twice",
            &format!(
                "{}def f40(x):\n    return x\n@app.route('/')\ndef view():\n    return f0(request.args['q'])\n\
                 app.config['X'] = f0('a')\n",
                lines(40, |i| format!("def f{i}(x):\n    return f{}(x) + f{}(x)", i + 1, i + 1))
            ),
        ),
        Program::new(
            "2,000 conditions of the environment",
            &format!(
                "def f():\n    x = []\n{}    return x\napp.config['X'] = f()\n",
                lines(2_000, |i| {
                    format!(
                        "    if os.environ.get('V{i}'):\n        x.append({i})\n    else:\n        \
                         x = x + [os.environ.get('W{i}')]"
                    )
                })
            ),
        ),
        Program::view(
            "10,000 branches in a view",
            &lines(10_000, |i| format!("    if {} == 'b':\n        x = x + 'c{i}'", input(i))),
        ),
        Program::view(
            "10,000 clauses of an `if`",
            &format!(
                "    q = request.args['q']\n    if q == 'a':\n        x = 'a'\n{}",
                lines(10_000, |i| format!("    elif q == 'b{i}':\n        x = 'c{i}'"))
            ),
        ),
        Program::view(
            "2,000 returns in a view",
            &lines(2_000, |i| format!("    if {}:\n        return x\n    x = x + 'c{i}'", input(i))),
        ),
        Program::view(
            "90 nested conditions",
            &lines(90, |i| {
                let indent = "    ".repeat(i + 1);
                format!("{indent}if {}:\n{indent}    x = '{i}'", input(i))
            }),
        ),
        Program::view(
            "60 nested loops",
            &format!(
                "{}{}x = x + a1\n",
                lines(60, |i| format!("{}for a{i} in request.args:", "    ".repeat(i + 1))),
                "    ".repeat(61)
            ),
        ),
        Program::view(
            "5,000 calls that may raise",
            &format!(
                "    try:\n{}    except Exception as error:\n        return str(error)\n",
                lines(5_000, |i| format!("        x = {}\n        unknown(x)", input(i)))
            ),
        ),
        Program::view(
            "a text of 20,000 parts",
            &format!("    q = request.args['q']\n    x = f'{}'\n", "{q}".repeat(20_000)),
        ),
        Program::view(
            "2,000 regular expressions",
            &format!(
                "    q = request.args['q']\n{}",
                lines(2_000, |i| {
                    format!(
                        "    if re.match('^(a|b|[c-z]{{1,{}}})+(x{{2,9}}|y*)*$', q):\n        x = q + '{i}'",
                        i % 900 + 1
                    )
                })
            ),
        ),
        imports(),
    ]
}

/// 5,000 modules, each of which imports the next.
fn imports() -> Program {
    let mut program = Program::new("5,000 imports in a chain", "import m0\n");
    let chain = (0..5_000).map(|i| (format!("m{i}.py"), format!("import m{}\nX = m{}.X\n", i + 1, i + 1)));
    program.files.extend(chain);
    program.files.push(("m5000.py".to_owned(), "X = 1\n".to_owned()));
    program
}

fn lines(count: usize, mut line: impl FnMut(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, index| {
        let _ = writeln!(text, "{}", line(index));
        text
    })
}
