//! What minijinja accepts, this parser accepts without a problem.

use minijinja::Environment;

#[test]
fn what_minijinja_accepts_is_clean() {
    let pieces = [
        "{{ a }}",
        "{{ a.b[0]['c']|default('x')|upper }}",
        "{{ f(a, b=1) if c is defined else (d, e) }}",
        "{{ not a in b and -c ** 2 // 3 % 4 ~ 'x' }}",
        "{{ [1, 2.5, 'a', true, none, {'k': v}][1:2] }}",
        "{% if a %}1{% elif b %}2{% else %}3{% endif %}",
        "{% for a, b in c if a recursive %}{{ loop.index }}{% else %}-{% endfor %}",
        "{% set x = 1 %}{% set y %}t{% endset %}{% set a, b = c %}",
        "{% with a = 1, b = 2 %}{{ a }}{% endwith %}",
        "{% block title %}{{ super() }}{% endblock title %}",
        "{% macro m(a, b=2) %}{{ caller() }}{% endmacro %}{% call(x) m(1) %}{{ x }}{% endcall %}",
        "{% filter upper %}a{% endfilter %}{% autoescape true %}{{ a }}{% endautoescape %}",
        "{% include ['a', 'b'] ignore missing %}{% import 'm' as m %}{% from 'm' import a as b, c %}",
        "{% raw %}{{ {% {# {% endraw %}{# comment #}{%- if a -%} b {%- endif -%}",
        "{% do f() %}",
        "{% extends 'base' %}",
    ];
    let environment = Environment::new();
    // Every piece, and every pair of pieces with text between them.
    for first in pieces {
        for second in pieces {
            let text = format!("<p>{first}\n{second}</p>");
            if environment.template_from_str(&text).is_ok() {
                assert_eq!(flaskseal_jinja::parse(&text).problems, [], "{text}");
            }
        }
        assert!(environment.template_from_str(first).is_ok() || first.contains("{% do"), "{first}");
    }
}
