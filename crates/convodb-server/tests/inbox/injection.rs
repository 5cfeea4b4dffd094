//! What contacts and others wrote is never taken for markup.

use serde_json::json;

use crate::browser::Browser;
use crate::seeds::{self, ALICE};

/// Each would set a mark or open a dialog if any part of it ran.
const VECTORS: [&str; 16] = [
    "<script>window.ran=1;alert(1)</script>",
    "<img src=x onerror=\"window.ran=2;alert(2)\">",
    "<svg onload=\"window.ran=3\"><animate onbegin=\"window.ran=3\" attributeName=x dur=1s>",
    "\"><iframe srcdoc=\"<script>parent.ran=4</script>\"></iframe>",
    "'\"--></style></script><script>window.ran=5</script>",
    "<a href=\"javascript:window.ran=6\" id=clicked>click</a>",
    "javascript:window.ran=7",
    "<details open ontoggle=window.ran=8>",
    "<input autofocus onfocus=window.ran=9>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=window.ran=10>",
    "{{constructor.constructor('window.ran=11')()}}${window.ran=11}",
    "<base href=//evil.example/><link rel=stylesheet href=//evil.example/x.css>",
    "<form action=//evil.example><button>Send</button></form>",
    "<img/src=`x`onerror=window.ran=14>&lt;script&gt;window.ran=14&lt;/script&gt;",
    "data:text/html,<script>window.ran=15</script>",
    "<template><style>*{display:none}</style></template><!--><img src=x onerror=window.ran=16>-->",
];

#[test]
fn no_text_runs_a_script_or_becomes_an_element() {
    let (_home, server) = seeds::server();
    let mut conversations = Vec::new();
    for (number, vector) in VECTORS.iter().enumerate() {
        let contact = format!("con_{number}");
        let conversation = seeds::text(&server, &contact, vector);
        seeds::name(&server, &contact, vector);
        seeds::note(&server, &conversation, vector);
        let short: String = vector.chars().take(60).collect();
        let tags = json!({"tags": [short], "metadata": {"key": vector}}).to_string();
        server
            .patch(&format!("/v1/conversations/{conversation}"), &tags)
            .expect(200);
        for fields in [
            json!({"type": "document", "caption": vector, "attachments": [{"kind": "document", "url": "https://cdn.example.net/1",
                "file_name": vector, "mime_type": vector, "title": vector, "text": vector}]}),
            json!({"type": "location", "content": vector, "location": {"latitude": 1.5, "longitude": 2.5, "name": vector, "address": vector, "url": vector}}),
            json!({"type": "contacts", "contacts": [{"name": vector, "organization": vector,
                "phones": [{"number": vector, "type": vector}], "emails": [{"address": vector, "type": vector}]}]}),
            json!({"type": "interactive", "reply": {"kind": "form", "id": vector, "title": vector, "description": vector, "data": {"a": vector, (*vector): {"b": [vector]}}}}),
            json!({"type": "interactive", "reply": {"kind": "order", "title": "Order", "data": {"items": [{"id": vector, "quantity": 1}]}}}),
            json!({"type": "system", "content": vector, "system": {"kind": "renamed", "data": {"name": vector}}}),
            json!({"type": "unsupported", "unsupported": {"kind": "poll", "code": "x", "message": vector}, "raw": {"html": vector}}),
            json!({"type": "link", "caption": vector, "attachments": [{"kind": "link", "url": "https://example.net/a", "title": vector, "subtype": "reel"}]}),
            json!({"content": vector, "reply_to": {"story": {"id": "1", "url": vector}}, "metadata": {"referral.headline": vector}}),
        ] {
            seeds::receive(&server, &contact, fields);
        }
        let out = seeds::send(
            &server,
            &contact,
            json!({"type": "template", "template_name": vector, "template_params": [vector],
            "author": {"type": "external", "id": "x", "name": vector}, "provider_id": format!("out_{number}")}),
        );
        let error = json!({"status": "failed", "error": {"code": "1", "message": vector, "details": vector, "url": vector}});
        server
            .post("/v1/messages/status", &seeds::about(&out, error))
            .expect(200);
        conversations.push(conversation);
    }
    let short: String = VECTORS[1].chars().take(60).collect();
    for (path, body) in [
        (
            "/v1/inboxes/inb_x",
            json!({"channel": "webchat", "name": short}),
        ),
        (
            "/v1/views/view_x",
            json!({"name": short, "filter": {"status": "all"}, "sort": "-updated_at"}),
        ),
        ("/v1/users/usr_x", json!({"name": short})),
    ] {
        server.put(path, &body.to_string()).expect(201);
    }
    let Some(browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    let policy = "fetch('inbox').then(answer => answer.headers.get('content-security-policy'))";
    let policy = browser.js(policy);
    assert!(policy.as_str().unwrap().contains("script-src 'self';"));
    for conversation in &conversations {
        let address = format!("void (location.hash = '#{conversation}?status=open')");
        browser.js(&address);
        browser.wait(&format!("document.querySelector('.detail:nth-last-of-type(1)')?.innerText.includes({conversation:?}) && document.querySelectorAll('.message, .line').length >= 12"));
        browser.js("void document.querySelectorAll('.thread details').forEach(one => { one.open = true; })");
        // Each text is there, letter for letter.
        let vector = VECTORS[conversations
            .iter()
            .position(|one| one == conversation)
            .unwrap()];
        let texts = format!(
            "[...document.querySelectorAll('.message .prose')].filter(p => p.textContent === {}).length",
            json!(vector)
        );
        assert!(browser.js(&texts).as_u64().unwrap() >= 4, "{vector}");
        for expression in [
            "[...document.querySelectorAll('script')].filter(s => !s.src.endsWith('/inbox/main.js')).length",
            "document.querySelectorAll('img, iframe, object, embed, video, audio, base, style, math, animate, template, link:not([href^=\"inbox/\"])').length",
            "document.querySelectorAll('[srcdoc], [style*=url]').length",
            "[...document.querySelectorAll('*')].filter(e => e.getAttributeNames().some(name => name.startsWith('on'))).length",
            "[...document.querySelectorAll('a')].filter(a => !['http:', 'https:', 'mailto:'].includes(a.protocol)).length",
            "[...document.querySelectorAll('a[target]')].filter(a => a.rel !== 'noopener noreferrer').length",
            "[...document.querySelectorAll('form')].filter(f => !f.classList.contains('composer')).length",
            "Number(window.ran ?? 0)",
        ] {
            assert_eq!(browser.js(expression), 0, "{vector}: {expression}");
        }
    }
    // The side and the pickers show names too.
    browser.press("?");
    browser.press_key(crate::driver::Key::Escape);
    browser.press("a");
    browser.sees("dialog .options", "onerror");
    browser.press_key(crate::driver::Key::Escape);
    browser.press("f");
    assert_eq!(browser.js("Number(window.ran ?? 0)"), 0);
    assert_eq!(browser.count("img"), 0);
    assert!(!browser.has_dialog());
    browser.end(&server);
}

#[test]
fn a_browser_refuses_what_a_mistake_would_let_in() {
    let (_home, server) = seeds::server();
    let Some(browser) = Browser::start() else {
        return;
    };
    browser.open(&server, "/inbox");
    browser.wait("!!document.querySelector('#key')");
    // Trusted types refuse the text, so that not even an element comes of it.
    let refused = "(() => { try { document.body.innerHTML = '<img src=x onerror=window.ran=1>'; return false; } catch { return true; } })()";
    assert_eq!(browser.js(refused), true);
    let eval = "(() => { try { window.setTimeout('window.ran=1', 0); return false; } catch { return true; } })()";
    assert_eq!(browser.js(eval), true);
    assert_eq!(browser.js("window.ran === undefined"), true);
}
