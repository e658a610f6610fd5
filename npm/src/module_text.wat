;; Reverses the encoding of `module_text.mjs`, in place: the UTF-8 of characters up to U+00FF, each
;; of which is a byte plus 33, becomes those bytes. Such UTF-8 is ASCII or two bytes. The first of
;; two is 194, or 195 if 64 must be added to the second.
(module
  (memory (export "a") 2)
  (func (export "b") (param $end i32) (result i32)
    (local $at i32) (local $to i32) (local $byte i32) (local $more i32)
    (loop $next
      ;; What the first of two bytes writes is overwritten by the second.
      (i32.store8 (local.get $to)
        (i32.sub (i32.add (local.tee $byte (i32.load8_u (local.get $at))) (local.get $more)) (i32.const 33)))
      (local.set $more (i32.shl (i32.eq (local.get $byte) (i32.const 195)) (i32.const 6)))
      (local.set $to (i32.add (local.get $to) (i32.lt_u (local.get $byte) (i32.const 194))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $end))))
    (local.get $to)))
