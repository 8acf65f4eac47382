//! Programs that answer questions: second opinions in `oracle/`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// What a program answers, an answer for each question, after it has read them all: a list of JSON on its input, one on
/// its output.
pub fn ask(program: &mut Command, questions: &[Value]) -> Vec<Value> {
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("it is piped");
    input.write_all(json!(questions).to_string().as_bytes()).expect("the program reads");
    drop(input);
    let output = child.wait_with_output().expect("the program ends");
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).expect("the program prints JSON");
    assert_eq!(answers.len(), questions.len(), "an answer for each question");
    answers
}
