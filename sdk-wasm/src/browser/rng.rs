//! `crypto.getRandomValues`.

use super::Browser;
use crate::ports::Rng;

impl Rng for Browser {
    fn bits(&mut self) -> u32 {
        let mut bytes = [0; 4];
        let crypto = self.global.crypto().ok();
        let filled = crypto.map(|crypto| crypto.get_random_values_with_u8_array(&mut bytes));
        if matches!(filled, Some(Ok(_))) {
            return u32::from_le_bytes(bytes);
        }
        // Every browser that runs WebAssembly has it. Should a page have taken it away, names are still
        // far apart.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let bits = (js_sys::Math::random() * 4_294_967_296.0) as u32;
        bits
    }
}
