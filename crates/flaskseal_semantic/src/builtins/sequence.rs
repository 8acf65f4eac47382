//! `list`, `sorted`, `range`, `zip`: sequences of sequences.

use crate::call::Arguments;
use crate::heap::List;
use crate::machine::Machine;
use crate::value::{Key, Kind, Type, Value};

pub(super) fn collect(machine: &mut Machine<'_>, name: &str, mut list: List, arguments: &Arguments) -> Value {
    match name {
        "sorted" => {
            let keys: Option<Vec<Key>> = list.items.iter().map(Key::of).collect();
            let sortable = keys.filter(|_| arguments.keyword("key").is_none() && list.rest.is_none());
            match sortable {
                Some(keys) if keys.iter().all(|key| matches!(key, Key::Str(_))) => {
                    list.items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
                }
                Some(keys) if keys.iter().all(|key| matches!(key, Key::Int(_))) => {
                    list.items.sort_by_key(Value::as_int);
                }
                _ => {
                    let items = std::mem::take(&mut list.items);
                    list.rest = items.into_iter().map(Some).fold(list.rest, crate::heap::join_rests);
                }
            }
            machine.list_of(list)
        }
        "tuple" if list.rest.is_none() => Value::tuple(list.items),
        "iter" | "reversed" => {
            if name == "reversed" {
                list.items.reverse();
            }
            machine.list_of(List { is_iterator: true, ..list })
        }
        "set" | "frozenset" => {
            let mut items: Vec<Value> = Vec::new();
            for item in list.items {
                if !items.iter().any(|known| known.same(&item)) {
                    items.push(item);
                }
            }
            machine.list_of(List { items, rest: list.rest, is_set: true, is_iterator: false })
        }
        _ => machine.list_of(list),
    }
}

/// Sorts what is known to be all text, all whole numbers, or tuples that begin with such. Answers whether it did.
pub(crate) fn sort_known(list: &mut List, by_value: bool, descending: bool) -> bool {
    fn leading(value: &Value) -> Option<Key> {
        match Key::of(value)? {
            key @ (Key::Str(_) | Key::Int(_)) => Some(key),
            Key::Tuple(keys) => match keys.first()? {
                key @ (Key::Str(_) | Key::Int(_)) => Some(key.clone()),
                _ => None,
            },
            _ => None,
        }
    }
    // The first part of a tuple decides as long as no two are alike.
    fn first_of(value: &Value) -> Option<Key> {
        match &value.kind {
            Kind::Tuple(values) => leading(values.first()?),
            _ => leading(value),
        }
    }
    let keys: Option<Vec<Key>> = list.items.iter().map(first_of).collect();
    let Some(keys) = keys.filter(|_| by_value && list.rest.is_none()) else { return false };
    let is_text = keys.iter().all(|key| matches!(key, Key::Str(_)));
    if !is_text && !keys.iter().all(|key| matches!(key, Key::Int(_))) {
        return false;
    }
    let rank = |key: &Key| match key {
        Key::Str(text) => (text.to_string(), 0),
        Key::Int(value) => (String::new(), *value),
        _ => (String::new(), 0),
    };
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|a, b| rank(&keys[*a]).cmp(&rank(&keys[*b])));
    if descending {
        order.reverse();
    }
    list.items = order.into_iter().map(|index| list.items[index].clone()).collect();
    true
}

pub(super) fn range(machine: &mut Machine<'_>, bounds: &[Value]) -> Value {
    let bounds: Option<Vec<i64>> = bounds.iter().map(Value::as_int).collect();
    let (start, stop, step) = match bounds.as_deref() {
        Some([stop]) => (0, *stop, 1),
        Some([start, stop]) => (*start, *stop, 1),
        Some([start, stop, step]) if *step != 0 => (*start, *stop, *step),
        _ => {
            let rest = Some(Value::new(Kind::Some(Type::Int), None));
            return machine.list_of(List { rest, ..List::default() });
        }
    };
    let count = if step > 0 {
        (stop.saturating_sub(start) + step - 1) / step
    } else {
        (start.saturating_sub(stop) - step - 1) / -step
    };
    if count > 1024 {
        let rest = Some(Value::new(Kind::Some(Type::Int), None));
        return machine.list_of(List { rest, ..List::default() });
    }
    let items = (0..count.max(0)).map(|i| Value::int(start + i * step)).collect();
    machine.list(items)
}

pub(super) fn zip(machine: &mut Machine<'_>, iterables: &[Value]) -> Value {
    let columns: Vec<_> = iterables.iter().map(|value| machine.elements(value)).collect();
    if columns.iter().any(|column| column.rest.is_some()) {
        let row =
            columns.into_iter().map(|c| c.known.into_iter().next().or(c.rest).unwrap_or(Value::UNKNOWN));
        let rest = Some(Value::tuple(row.collect::<Vec<_>>()));
        return machine.list_of(List { rest, ..List::default() });
    }
    let length = columns.iter().map(|column| column.known.len()).min().unwrap_or(0);
    let rows =
        (0..length).map(|i| Value::tuple(columns.iter().map(|c| c.known[i].clone()).collect::<Vec<_>>()));
    let rows = rows.collect();
    machine.list(rows)
}
