//! Containers of pods, with what the pod says for all of them, and services of a cluster.

use std::sync::Arc;

use flaskseal_core::{FileId, Span};

use super::{ClusterService, Container, HostMount, Namespace, Platform, Published, Said};
use crate::kubernetes::{Manifests, Object, pod_of};
use crate::value::Value;
use crate::yaml::Node;

/// Containers of one pod, ports of one container.
const MAX_ITEMS: usize = 50;

pub(crate) fn containers(file: FileId, manifests: &Manifests, dev: bool) -> Vec<Container> {
    let mut found = Vec::new();
    for object in &manifests.objects {
        let Some(pod) = pod_of(object) else { continue };
        for (key, is_init) in [("initContainers", true), ("containers", false)] {
            let items = pod.get(key).map(|list| list.items()).unwrap_or_default();
            for node in items.iter().take(MAX_ITEMS) {
                let mut container = container(file, object, pod, node);
                container.is_init = is_init;
                container.dev = dev;
                found.push(container);
            }
        }
    }
    found
}

fn container(file: FileId, object: &Object, pod: &Arc<Node>, node: &Arc<Node>) -> Container {
    let span = |node: &Node| Span { file, range: node.range };
    let name = node.get("name");
    let text = |node: Option<&Arc<Node>>| node.and_then(|node| node.text()).map(str::to_owned);
    let title = text(name).unwrap_or_else(|| object.name.clone());
    let place = name.map_or(span(node), |name| span(name));
    let mut container = Container::new(&title, Platform::Kubernetes, place, span(node));
    container.group.clone_from(&object.name);
    container.labels = labels(object);
    container.image =
        node.get("image").and_then(|image| Some(Said::new(image.text()?.to_owned(), span(image))));
    let own = |key: &str| node.at(&["securityContext", key]);
    // The container's word counts before the pod's.
    let either = |key: &str| own(key).or_else(|| pod.at(&["securityContext", key]));
    let flag = |node: Option<&Arc<Node>>| {
        let node = node?;
        Some(Said::new(node.text()? == "true", span(node)))
    };
    container.non_root = flag(either("runAsNonRoot"));
    container.user =
        either("runAsUser").and_then(|user| Some(Said::new(Value::known(user.text()?), span(user))));
    container.privileged = flag(own("privileged"));
    container.escalation = flag(own("allowPrivilegeEscalation"));
    container.read_only = flag(own("readOnlyRootFilesystem"));
    for (key, added) in [("add", true), ("drop", false)] {
        let list = own("capabilities").and_then(|capabilities| capabilities.get(key));
        let items = list.map(|list| list.items()).unwrap_or_default();
        let said = items
            .iter()
            .take(MAX_ITEMS)
            .filter_map(|item| Some(Said::new(item.text()?.to_owned(), span(item))));
        if added {
            container.capabilities_added = said.collect();
        } else {
            container.capabilities_dropped = said.collect();
        }
    }
    if let Some(profile) = either("seccompProfile").and_then(|profile| profile.get("type"))
        && let Some(text) = profile.text()
    {
        container
            .confinement
            .push(Said::new(format!("seccomp:{}", text.to_ascii_lowercase()), span(profile)));
    }
    for (key, namespace) in
        [("hostNetwork", Namespace::Network), ("hostPID", Namespace::Process), ("hostIPC", Namespace::Ipc)]
    {
        if let Some(on) = pod.get(key).filter(|on| on.text() == Some("true")) {
            container.shares.push(Said::new(namespace, span(on)));
        }
    }
    container.mounts = mounts(file, pod, node);
    let ports = node.get("ports").map(|list| list.items()).unwrap_or_default();
    container.ports = ports
        .iter()
        .take(MAX_ITEMS)
        .filter_map(|port| {
            let number = |key: &str| port.get(key).and_then(|node| node.text()?.parse::<u16>().ok());
            let host = number("hostPort")?;
            Some(Published {
                address: text(port.get("hostIP")),
                host: Some((host, host)),
                container: number("containerPort").map(|port| (port, port)),
                is_udp: port.get("protocol").and_then(|node| node.text()) == Some("UDP"),
                span: span(port),
            })
        })
        .collect();
    container.has_memory_limit = node.at(&["resources", "limits", "memory"]).is_some();
    container.has_process_limit = true;
    container.healthcheck = node
        .get("livenessProbe")
        .or_else(|| node.get("readinessProbe"))
        .map(|probe| Said::new(true, span(probe)));
    container.service_token = flag(pod.get("automountServiceAccountToken"));
    container
}

/// `hostPath` volumes that the container mounts.
fn mounts(file: FileId, pod: &Arc<Node>, node: &Arc<Node>) -> Vec<HostMount> {
    let volumes = pod.get("volumes").map(|list| list.items()).unwrap_or_default();
    let used = node.get("volumeMounts").map(|list| list.items()).unwrap_or_default();
    volumes
        .iter()
        .take(MAX_ITEMS)
        .filter_map(|volume| {
            let path = volume.at(&["hostPath", "path"])?;
            let name = volume.get("name").and_then(|name| name.text());
            let mount = used
                .iter()
                .find(|mount| name.is_some() && mount.get("name").and_then(|name| name.text()) == name)?;
            let read_only = mount.get("readOnly").and_then(|flag| flag.text()) == Some("true");
            let target = mount.get("mountPath").and_then(|path| path.text()).unwrap_or_default().to_owned();
            Some(HostMount {
                source: path.text()?.to_owned(),
                target,
                read_only,
                span: Span { file, range: path.range },
            })
        })
        .collect()
}

fn labels(object: &Object) -> Vec<(String, String)> {
    let path: &[&str] = match object.kind.value.as_str() {
        "Pod" => &["metadata", "labels"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template", "metadata", "labels"],
        _ => &["spec", "template", "metadata", "labels"],
    };
    object.node.at(path).map(|labels| pairs(labels)).unwrap_or_default()
}

fn pairs(node: &Node) -> Vec<(String, String)> {
    let entries = node.entries().iter().take(MAX_ITEMS);
    entries.filter_map(|entry| Some((entry.key.clone(), entry.value.text()?.to_owned()))).collect()
}

/// The Services of a file.
pub(crate) fn services(file: FileId, manifests: &Manifests, dev: bool) -> Vec<ClusterService> {
    let services = manifests.objects.iter().filter(|object| object.kind.value == "Service");
    services
        .map(|object| {
            let spec = object.node.get("spec");
            let at = |key: &str| spec.and_then(|spec| spec.get(key));
            let kind = match at("type") {
                Some(kind) => {
                    Said::new(kind.text().unwrap_or("ClusterIP").to_owned(), Span { file, range: kind.range })
                }
                None => Said::new("ClusterIP".to_owned(), Span { file, range: object.kind.range }),
            };
            let ports = at("ports").map(|list| list.items()).unwrap_or_default();
            let annotations =
                object.node.at(&["metadata", "annotations"]).map(|node| pairs(node)).unwrap_or_default();
            let is_internal = annotations.iter().any(|(key, value)| {
                key.contains("internal") && value != "false" || value.eq_ignore_ascii_case("internal")
            });
            ClusterService {
                name: object.name.clone(),
                kind,
                selector: at("selector").map(|node| pairs(node)).unwrap_or_default(),
                ports: ports
                    .iter()
                    .take(MAX_ITEMS)
                    .filter_map(|port| {
                        let number =
                            |key: &str| port.get(key).and_then(|node| node.text()?.parse::<u16>().ok());
                        Some((number("port")?, number("targetPort")))
                    })
                    .collect(),
                is_restricted: is_internal || at("loadBalancerSourceRanges").is_some(),
                dev,
            }
        })
        .collect()
}
