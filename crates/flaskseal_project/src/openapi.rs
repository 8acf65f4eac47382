//! OpenAPI documents, for frameworks that route by them.

use flaskseal_deploy::yaml::{self, Node};
use flaskseal_semantic::Operation;

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];
const CONTROLLERS: [&str; 2] = ["x-openapi-router-controller", "x-swagger-router-controller"];

/// The operations of a document that name a function; none for text that is no such document.
pub(crate) fn operations(text: &str) -> Vec<Operation> {
    let documents = yaml::parse(text).tree;
    let mut found = Vec::new();
    for paths in documents.iter().filter_map(|document| document.get("paths")) {
        for path in paths.entries() {
            let methods = path.value.entries().iter().filter(|entry| METHODS.contains(&entry.key.as_str()));
            found.extend(
                methods.filter_map(|method| operation(&path.key, &path.value, &method.key, &method.value)),
            );
        }
    }
    found
}

fn operation(path: &str, shared: &Node, method: &str, node: &Node) -> Option<Operation> {
    let id = node.get("operationId")?.text()?;
    let controller = CONTROLLERS
        .iter()
        .find_map(|key| node.get(key).or_else(|| shared.get(key)))
        .and_then(|controller| controller.text());
    let function = match controller {
        Some(controller) => format!("{controller}.{id}"),
        None => id.to_owned(),
    };
    let parameters = [node, shared].into_iter().filter_map(|node| node.get("parameters"));
    let parameters: Vec<_> = parameters.flat_map(|parameters| parameters.items()).collect();
    let is_in = |parameter: &Node, place: &str| {
        parameter.get("in").and_then(|node| node.text()).is_some_and(|text| text == place)
    };
    let query = parameters.iter().filter(|parameter| is_in(parameter, "query"));
    let query = query.filter_map(|parameter| Some(parameter.get("name")?.text()?.to_owned()));
    Some(Operation {
        path: path.to_owned(),
        method: method.to_ascii_uppercase(),
        function,
        query: query.collect(),
        has_body: node.get("requestBody").is_some()
            || parameters.iter().any(|parameter| is_in(parameter, "body")),
    })
}
