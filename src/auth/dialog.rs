//! dialog: the server asks questions, which PAM does through it (A-54).
//!
//! ```text
//!   Asking ──question──> answer ──> Asking
//!      └─────last question──> answer ──> Done
//! ```
//!
//! The first question for a password is answered with the password; others go to the caller.

use std::borrow::Cow;
use std::fmt;

use zeroize::Zeroizing;

use super::clear::terminated;
use super::{AuthError, Policy};
use crate::secret::Secret;

pub(super) const NAME: &str = "dialog";

/// In the type byte: no question follows.
const LAST: u8 = 1;
/// The type byte's styles, without that bit.
const ECHO: u8 = 1;
const PASSWORD: u8 = 2;

/// Most bytes of a question's text: a screen full of it.
const MAX_QUESTION: usize = 4 << 10;

/// A question of the server's, for a person or what stands in for one.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    text: &'a [u8],
    number: usize,
    echo: bool,
}

impl Question<'_> {
    /// The text to show, in whatever character set the server has; at most 4 KiB.
    ///
    /// Anybody who can pose as the server can write anything here.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.text)
    }

    /// Which question of this login it is, from 0.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.number
    }

    /// Whether the answer may be seen while it is typed.
    #[must_use]
    pub const fn echo(&self) -> bool {
        self.echo
    }
}

impl fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("text", &self.text())
            .field("number", &self.number)
            .field("echo", &self.echo)
            .finish()
    }
}

#[derive(Debug)]
pub(super) struct Dialog {
    /// Questions so far.
    asked: usize,
    /// Whether the last one is over.
    done: bool,
}

impl Dialog {
    pub(super) const fn start() -> Self {
        Self { asked: 0, done: false }
    }

    /// Answers a question; no bytes at all stand for "just send the password".
    pub(super) fn answer(
        &mut self,
        data: &[u8],
        password: &Secret,
        policy: &Policy,
    ) -> Result<Zeroizing<Vec<u8>>, AuthError> {
        let unexpected = AuthError::UnexpectedData { plugin: NAME };
        if self.done || data.len() > MAX_QUESTION {
            return Err(unexpected);
        }
        let number = self.asked;
        self.asked += 1;
        let Some((&kind, text)) = data.split_first() else {
            return match number {
                0 => Ok(terminated(password)),
                _ => Err(unexpected),
            };
        };
        let echo = match kind >> 1 {
            PASSWORD => false,
            ECHO => true,
            _ => return Err(unexpected),
        };
        self.done = kind & LAST != 0;
        // Some servers end the text with a NUL.
        let text = text.strip_suffix(&[0]).unwrap_or(text);
        if number == 0 && !echo {
            return Ok(terminated(password));
        }
        let question = Question { text, number, echo };
        let answer = policy.answers.as_ref().and_then(|answers| answers(&question));
        let Some(answer) = answer else { return Err(AuthError::unanswered(text)) };
        if answer.expose().contains(&0) {
            return Err(AuthError::PasswordContainsNul);
        }
        Ok(terminated(&answer))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn policy(answer: Option<&'static str>) -> Policy {
        Policy::default().answers(Arc::new(move |_| answer.map(Secret::from)))
    }

    fn first(data: &[u8], policy: &Policy) -> Result<Vec<u8>, AuthError> {
        let answer = Dialog::start().answer(data, &Secret::from("pw"), policy)?;
        Ok(answer.to_vec())
    }

    /// A-54: who answers what.
    #[test]
    fn the_first_question_for_a_password_gets_it_and_others_go_to_the_caller() {
        let policy = policy(Some("blue"));
        assert_eq!(first(b"\x04Password: ", &policy).unwrap(), b"pw\0");
        assert_eq!(first(b"\x05Password: ", &policy).unwrap(), b"pw\0");
        assert_eq!(first(b"", &policy).unwrap(), b"pw\0");
        assert_eq!(first(b"\x02Colour? ", &policy).unwrap(), b"blue\0");
        assert_eq!(first(b"\x03Colour? ", &policy).unwrap(), b"blue\0");
        let mut dialog = Dialog::start();
        assert_eq!(
            *dialog.answer(b"\x04Password: ", &Secret::from("pw"), &policy).unwrap(),
            *b"pw\0"
        );
        assert_eq!(*dialog.answer(b"\x05PIN: ", &Secret::from("pw"), &policy).unwrap(), *b"blue\0");
        assert!(
            dialog.answer(b"\x05More?", &Secret::from("pw"), &policy).is_err(),
            "after the last"
        );
    }

    /// A-54
    #[test]
    fn the_caller_sees_the_question() {
        let seen = Arc::<Mutex<Vec<(String, usize, bool)>>>::default();
        let log = seen.clone();
        let policy = Policy::default().answers(Arc::new(move |question| {
            assert!(format!("{question:?}").contains("echo"));
            let entry = (question.text().into_owned(), question.number(), question.echo());
            log.lock().unwrap().push(entry);
            Some(Secret::from("x"))
        }));
        let mut dialog = Dialog::start();
        for data in [&b"\x02Who?"[..], b"\x04PIN\0", b"\x03"] {
            dialog.answer(data, &Secret::from("pw"), &policy).unwrap();
        }
        let want = [("Who?".into(), 0, true), ("PIN".into(), 1, false), (String::new(), 2, true)];
        assert_eq!(*seen.lock().unwrap(), want);
    }

    /// A-54: nobody's answer is not made up, and no password goes to a question for something else.
    #[test]
    fn a_question_that_nobody_answers_ends_the_login() {
        for policy in [Policy::default(), policy(None)] {
            let error = first(b"\x02Your PIN\x1b[2J?", &policy).unwrap_err();
            assert!(matches!(error, AuthError::QuestionUnanswered { .. }), "{error:?}");
            let shown = error.to_string();
            assert!(shown.contains(r"Your PIN\u{1b}[2J?") && shown.contains("answer_questions"));
            assert!(!shown.contains("pw"), "{shown}");
        }
        assert_eq!(first(b"\x02?", &policy(Some("a\0b"))), Err(AuthError::PasswordContainsNul));
    }

    #[test]
    fn what_is_no_question_is_an_error() {
        let policy = policy(Some("x"));
        for data in [&b"\x00"[..], b"\x01", b"\x06?", b"\x07?", b"\x80?", b"\xFE", &[4; 5000]] {
            assert_eq!(first(data, &policy), Err(AuthError::UnexpectedData { plugin: NAME }));
        }
        let mut dialog = Dialog::start();
        dialog.answer(b"\x04?", &Secret::from("pw"), &policy).unwrap();
        assert!(dialog.answer(b"", &Secret::from("pw"), &policy).is_err());
    }
}
