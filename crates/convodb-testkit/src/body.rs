//! What messages of the operations say or show: few of each type.

use convodb::{
    Attachment, Card, Choice, ChoiceKind, Content, Degrees, Json, Location, MediaKind, MessageType,
    SystemLine, Unsupported,
};

use super::plan::Text;

/// What a message says or shows; the last four are refused, and `SpacedUrl` in what is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    Text(Text),
    Template {
        params: u8,
    },
    RenderedTemplate(Text),
    Image,
    Document {
        caption: Text,
    },
    /// An image by its address, and another one by the provider's id of it.
    Images {
        caption: Text,
    },
    Voice,
    Video {
        caption: Text,
    },
    Sticker,
    Link,
    TextWithLink(Text),
    Location,
    Contacts,
    Choice {
        said: Option<Text>,
    },
    System,
    Unsupported {
        said: Option<Text>,
    },
    SpacedUrl,
    UnnamedTemplate,
    LocalImage,
    HugeParams,
    FarLocation,
}

/// Whether a content happened, or is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Fact,
    Request,
}

fn location(latitude: f64) -> Content {
    let degrees = |degrees| Degrees::new(degrees).expect("it is finite");
    Content::Location {
        location: Box::new(Location {
            latitude: degrees(latitude),
            longitude: degrees(12.25),
            name: Some("Office".to_owned()),
            address: None,
            url: None,
        }),
        text: None,
    }
}

fn photo(name: &str) -> Attachment {
    let mut photo = Attachment::media_id(MediaKind::Image, "media-7");
    photo.file_name = Some(name.to_owned());
    photo
}

fn captioned(content: Content, text: Option<Text>) -> Content {
    match text {
        Some(text) => content.caption(text.string()),
        None => content,
    }
}

impl Body {
    /// As it is given.
    pub fn content(self) -> Content {
        match self {
            Self::SpacedUrl => Content::image("https://example.com/a b.jpg"),
            Self::Images { caption } => Content::image("https://example.com/1.jpg")
                .attach(photo("a/b.jpg"))
                .caption(caption.string()),
            body => body.stored(),
        }
    }

    /// As it is stored: an address has what no address has in percent-encoding, and a name leads nowhere.
    pub fn stored(self) -> Content {
        match self {
            Self::Text(text) => Content::text(text.string()),
            Self::Template { params } => {
                Content::template("spring_sale", (0..params).map(|param| param.to_string()))
            }
            Self::RenderedTemplate(text) => {
                Content::template("welcome", ["Ada"]).caption(text.string())
            }
            Self::Image => Content::image("https://example.com/1.jpg"),
            Self::Document { caption } => {
                Content::document("http://example.com/1.pdf").caption(caption.string())
            }
            Self::Images { caption } => Content::image("https://example.com/1.jpg")
                .attach(photo("a_b.jpg"))
                .caption(caption.string()),
            Self::Voice => {
                let mut voice = Attachment::url(MediaKind::Audio, "https://example.com/1.ogg");
                (voice.voice, voice.duration_ms) = (true, Some(2_400));
                Content::media(voice)
            }
            Self::Video { caption } => {
                let video = Attachment::media_id(MediaKind::Video, "media-8");
                Content::media(video).caption(caption.string())
            }
            Self::Sticker => Content::media(Attachment::media_id(MediaKind::Sticker, "media-9")),
            Self::Link => Content::media(Attachment::url(MediaKind::Link, "https://example.com/")),
            Self::TextWithLink(text) => Content::text(text.string())
                .attach(Attachment::url(MediaKind::Link, "https://example.com/")),
            Self::Location => location(48.5),
            Self::Contacts => Content::Contacts {
                cards: vec![Card {
                    name: "Ada".to_owned(),
                    ..Card::default()
                }],
                text: None,
            },
            Self::Choice { said } => {
                let choice = Choice {
                    kind: ChoiceKind::Button,
                    id: Some("yes".to_owned()),
                    title: Some("Yes".to_owned()),
                    description: None,
                    data: Some(Json::new("data", r#"{"b": 1.50, "a": [null]}"#).unwrap()),
                };
                let choice = Content::Interactive {
                    choice: Box::new(choice),
                    text: None,
                };
                captioned(choice, said)
            }
            Self::System => Content::System {
                line: Box::new(SystemLine {
                    kind: "number_change".to_owned(),
                    data: None,
                }),
                text: Some("The number changed.".to_owned()),
            },
            Self::Unsupported { said } => Content::Unsupported {
                reason: Some(Box::new(Unsupported {
                    code: Some("131051".to_owned()),
                    ..Unsupported::default()
                })),
                text: said.map(Text::string),
                attachments: Vec::new(),
                caption: None,
            },
            Self::SpacedUrl => Content::image("https://example.com/a%20b.jpg"),
            Self::UnnamedTemplate => Content::template(" ", ["Ada"]),
            Self::LocalImage => Content::image("file:///etc/hosts"),
            Self::HugeParams => Content::template("big", ["x".repeat(40_000), "y".repeat(40_000)]),
            Self::FarLocation => location(90.5),
        }
    }

    /// The field for which it is refused, if it is. What a contact sent may say nothing.
    pub fn flaw(self, said: Said) -> Option<&'static str> {
        match self {
            Self::Text(text) | Self::RenderedTemplate(text) | Self::TextWithLink(text) => {
                flaw_of(text, said).then_some("content")
            }
            Self::Choice { said: Some(text) } | Self::Unsupported { said: Some(text) } => {
                flaw_of(text, said).then_some("content")
            }
            Self::Document { caption } | Self::Images { caption } | Self::Video { caption } => {
                flaw_of(caption, said).then_some("caption")
            }
            Self::UnnamedTemplate => Some("template_name"),
            Self::LocalImage => Some("media_url"),
            Self::SpacedUrl if said == Said::Request => Some("media_url"),
            Self::HugeParams => Some("template_params"),
            Self::FarLocation => Some("location.latitude"),
            _ => None,
        }
    }

    pub fn is_system(self) -> bool {
        self == Self::System
    }
}

/// Whether a text is refused.
fn flaw_of(text: Text, said: Said) -> bool {
    match said {
        Said::Fact => text.is_too_long(),
        Said::Request => text.is_refused(),
    }
}

/// Whether a stored content is yet to come.
pub fn is_unsupported(content: &Content) -> bool {
    matches!(content, Content::Unsupported { .. })
}

/// Whether it is a line of the provider's, also one that was taken back.
pub fn is_system(content: &Content) -> bool {
    content.message_type() == MessageType::System
}
