;; A source of the world `source-plugin` that does what the identifier says. Identifiers are `SOURCE_NAME:<letter>[rest]`:
;;
;;   load:  t  a track whose identifier is the whole text        n  nothing          r  redirect to the rest
;;          u  unreachable                                      l  loops for ever   m  takes memory without end
;;          b  a list of 300 million tracks that is not there    x  a small list whose texts repeat 1 MiB 4,000 times
;;          i  a title that is no UTF-8                          d  an answer of a kind that does not exist
;;          e  a failure                                         s  sleeps an hour in the host
;;          f  fetches the rest and says the status              g  floods the log   o  leaves answers open
;;   open:  after `t`, by the next letter:
;;          h  the host fetches the rest        w  a WAV of 440 Hz the guest makes   p  the answer to a fetch of the rest
;;          u, l  as above                      v  a stream that traps when read     y  a stream that loops when read
;;          z  a stream that gives more than asked for
(module
  (import "lavalink:plugin/host@1.0.0" "log" (func $log (param i32 i32 i32)))
  (import "lavalink:plugin/host@1.0.0" "sleep" (func $sleep (param i64 i32)))
  (import "lavalink:plugin/host@1.0.0" "fetch" (func $fetch (param i32 i32)))
  (import "lavalink:plugin/host@1.0.0" "[method]http-response.status" (func $status (param i32) (result i32)))
  (import "lavalink:plugin/host@1.0.0" "[resource-drop]http-response" (func $drop_response (param i32)))
  (import "[export]lavalink:plugin/source@1.0.0" "[resource-new]byte-stream" (func $new_stream (param i32) (result i32)))

  (memory (export "memory") 4)
  (global $heap (mut i32) (i32.const 65536))

  (data (i32.const 1024) "SOURCE_NAME")
  (data (i32.const 1100) "SOURCE_NAME:")
  (data (i32.const 1200) "GET")
  (data (i32.const 1210) "it said no")
  (data (i32.const 1230) "because it was told to")
  (data (i32.const 1260) "a line of log\n")
  (data (i32.const 1280) "\ff\fe\fd")
  (data (i32.const 1290) "parrot")
  (data (i32.const 1300) "wav")
  ;; Header of a WAV: 48 kHz, mono, 16 bit, 10 s.
  (data (i32.const 1400) "RIFF\24\a6\0e\00WAVEfmt \10\00\00\00\01\00\01\00\80\bb\00\00\00\77\01\00\02\00\10\00data\00\a6\0e\00")

  ;; Place in the stream and its kind (the letter), one stream per instance.
  (global $at (mut i64) (i64.const 0))
  (global $kind (mut i32) (i32.const 0))

  (func $realloc (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $p i32)
    (local.set $p (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $p) (local.get $size)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
      (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16))))))
    (if (local.get $old_size)
      (then (memory.copy (local.get $p) (local.get $old) (local.get $old_size))))
    (local.get $p))

  ;; Zeroed space for an answer.
  (func $answer (result i32)
    (local $p i32)
    (local.set $p (call $realloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 256)))
    (memory.fill (local.get $p) (i32.const 0) (i32.const 256))
    (local.get $p))

  (func $text (param $at i32) (param $p i32) (param $len i32)
    (i32.store (local.get $at) (local.get $p))
    (i32.store offset=4 (local.get $at) (local.get $len)))

  (func $fail (param $a i32)
    (i32.store8 (local.get $a) (i32.const 1))
    (call $text (i32.add (local.get $a) (i32.const 8)) (i32.const 1210) (i32.const 10))
    (call $text (i32.add (local.get $a) (i32.const 20)) (i32.const 1230) (i32.const 22)))

  ;; A track whose identifier is given, at $t.
  (func $track (param $t i32) (param $p i32) (param $len i32)
    (call $text (local.get $t) (local.get $p) (local.get $len))
    (i32.store8 offset=8 (local.get $t) (i32.const 1))
    (call $text (i32.add (local.get $t) (i32.const 12)) (i32.const 1290) (i32.const 6))
    (i32.store8 offset=24 (local.get $t) (i32.const 1))
    (i64.store offset=32 (local.get $t) (i64.const 10000))
    (call $text (i32.add (local.get $t) (i32.const 44)) (local.get $p) (local.get $len)))

  ;; Whether the text begins with the prefix of this source.
  (func $mine (param $p i32) (param $len i32) (result i32)
    (local $i i32) (local $n i32)
    (local.set $n (global.get $prefix_length))
    (if (i32.le_u (local.get $len) (local.get $n)) (then (return (i32.const 0))))
    (loop $next
      (if (i32.ne (i32.load8_u (i32.add (local.get $p) (local.get $i)))
                  (i32.load8_u (i32.add (i32.const 1100) (local.get $i))))
        (then (return (i32.const 0))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
    (i32.const 1))

  ;; Length of the prefix, colon included: counted at the start.
  (global $prefix_length (mut i32) (i32.const 0))
  (func $count
    (loop $next
      (global.set $prefix_length (i32.add (global.get $prefix_length) (i32.const 1)))
      (br_if $next (i32.ne (i32.load8_u (i32.add (i32.const 1099) (global.get $prefix_length))) (i32.const 58)))))
  (start $count)

  ;; Fetches a URL; the result<http-response, failure> is at the returned address.
  (func $get (param $p i32) (param $len i32) (result i32)
    (local $request i32) (local $a i32)
    (local.set $request (call $answer))
    (call $text (local.get $request) (i32.const 1200) (i32.const 3))
    (call $text (i32.add (local.get $request) (i32.const 8)) (local.get $p) (local.get $len))
    (i32.store8 offset=88 (local.get $request) (i32.const 1))
    (i32.store8 offset=89 (local.get $request) (i32.const 2))
    (local.set $a (call $answer))
    (call $fetch (local.get $request) (local.get $a))
    (local.get $a))

  (func (export "lavalink:plugin/source@1.0.0#describe") (result i32)
    (local $a i32) (local $d i32)
    (local.set $a (call $answer))
    (local.set $d (call $answer))
    (i32.store (local.get $a) (local.get $d))
    (i32.store offset=4 (local.get $a) (i32.const 1))
    (call $text (local.get $d) (i32.const 1024) (i32.sub (global.get $prefix_length) (i32.const 1)))
    (i32.store offset=8 (local.get $d) (i32.add (local.get $d) (i32.const 64)))
    (i32.store offset=12 (local.get $d) (i32.const 1))
    (call $text (i32.add (local.get $d) (i32.const 64)) (i32.const 1100) (global.get $prefix_length))
    (local.get $a))

  (func (export "lavalink:plugin/source@1.0.0#load") (param $source i32) (param $p i32) (param $len i32) (result i32)
    (local $a i32) (local $letter i32) (local $rest i32) (local $rest_len i32) (local $got i32) (local $i i32) (local $t i32)
    (local.set $a (call $answer))
    (if (i32.eqz (call $mine (local.get $p) (local.get $len))) (then (return (local.get $a))))
    (local.set $letter (i32.load8_u (i32.add (local.get $p) (global.get $prefix_length))))
    (local.set $rest (i32.add (local.get $p) (i32.add (global.get $prefix_length) (i32.const 1))))
    (local.set $rest_len (i32.sub (local.get $len) (i32.add (global.get $prefix_length) (i32.const 1))))
    ;; t
    (if (i32.eq (local.get $letter) (i32.const 116))
      (then
        (i32.store8 offset=8 (local.get $a) (i32.const 2))
        (call $track (i32.add (local.get $a) (i32.const 16)) (local.get $p) (local.get $len))
        (return (local.get $a))))
    ;; n
    (if (i32.eq (local.get $letter) (i32.const 110))
      (then (i32.store8 offset=8 (local.get $a) (i32.const 1)) (return (local.get $a))))
    ;; r
    (if (i32.eq (local.get $letter) (i32.const 114))
      (then
        (i32.store8 offset=8 (local.get $a) (i32.const 5))
        (call $text (i32.add (local.get $a) (i32.const 16)) (local.get $rest) (local.get $rest_len))
        (return (local.get $a))))
    ;; u
    (if (i32.eq (local.get $letter) (i32.const 117)) (then unreachable))
    ;; l
    (if (i32.eq (local.get $letter) (i32.const 108)) (then (loop $for_ever (br $for_ever))))
    ;; m
    (if (i32.eq (local.get $letter) (i32.const 109))
      (then (loop $more (drop (memory.grow (i32.const 16))) (br $more))))
    ;; b
    (if (i32.eq (local.get $letter) (i32.const 98))
      (then
        (i32.store8 offset=8 (local.get $a) (i32.const 4))
        (call $text (i32.add (local.get $a) (i32.const 16)) (i32.const 65536) (i32.const 300000000))
        (return (local.get $a))))
    ;; x: 4,000 tracks (112 bytes each) whose identifiers are all the same MiB.
    (if (i32.eq (local.get $letter) (i32.const 120))
      (then
        (local.set $got (call $realloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 1048576)))
        (local.set $t (call $realloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 448000)))
        (memory.fill (local.get $t) (i32.const 0) (i32.const 448000))
        (loop $next
          (call $track
            (i32.add (local.get $t) (i32.mul (local.get $i) (i32.const 112)))
            (local.get $got) (i32.const 1048576))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) (i32.const 4000))))
        (i32.store8 offset=8 (local.get $a) (i32.const 4))
        (call $text (i32.add (local.get $a) (i32.const 16)) (local.get $t) (i32.const 4000))
        (return (local.get $a))))
    ;; i
    (if (i32.eq (local.get $letter) (i32.const 105))
      (then
        (i32.store8 offset=8 (local.get $a) (i32.const 2))
        (call $track (i32.add (local.get $a) (i32.const 16)) (i32.const 1280) (i32.const 3))
        (return (local.get $a))))
    ;; d
    (if (i32.eq (local.get $letter) (i32.const 100))
      (then (i32.store8 offset=8 (local.get $a) (i32.const 77)) (return (local.get $a))))
    ;; s
    (if (i32.eq (local.get $letter) (i32.const 115))
      (then
        (call $sleep (i64.const 3600000) (local.get $a))
        ;; Its failure is laid out like ours; success would be "not mine".
        (return (local.get $a))))
    ;; f: `Nothing` for status 200, not mine for others.
    (if (i32.eq (local.get $letter) (i32.const 102))
      (then
        (local.set $got (call $get (local.get $rest) (local.get $rest_len)))
        (if (i32.load8_u (local.get $got)) (then (return (local.get $got))))
        (i32.store8 offset=8 (local.get $a)
          (i32.eq (call $status (i32.load offset=8 (local.get $got))) (i32.const 200)))
        (call $drop_response (i32.load offset=8 (local.get $got)))
        (return (local.get $a))))
    ;; o: 100 answers are opened and none is dropped; the failure of the first that is refused is the answer.
    (if (i32.eq (local.get $letter) (i32.const 111))
      (then
        (loop $open
          (local.set $got (call $get (local.get $rest) (local.get $rest_len)))
          (if (i32.load8_u (local.get $got)) (then (return (local.get $got))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $open (i32.lt_u (local.get $i) (i32.const 100))))))
    ;; g
    (if (i32.eq (local.get $letter) (i32.const 103))
      (then
        (loop $line
          (call $log (i32.const 0) (i32.const 1260) (i32.const 14))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $line (i32.lt_u (local.get $i) (i32.const 20000))))
        (i32.store8 offset=8 (local.get $a) (i32.const 1))
        (return (local.get $a))))
    ;; e, and whatever else
    (call $fail (local.get $a))
    (local.get $a))

  (func (export "lavalink:plugin/source@1.0.0#decode-details")
    (param $source i32) (param $version i32) (param $p i32) (param $len i32) (result i32)
    (local $a i32)
    (local.set $a (call $answer))
    (call $text (i32.add (local.get $a) (i32.const 8)) (local.get $p) (local.get $len))
    (local.get $a))

  ;; The track (112 bytes flattened: more than 16 values) comes by address, with the source in front and the position behind.
  (func (export "lavalink:plugin/source@1.0.0#open") (param $args i32) (result i32)
    (local $a i32) (local $letter i32) (local $rest i32) (local $rest_len i32) (local $got i32)
    (local.set $a (call $answer))
    (local.set $rest (i32.add (i32.load offset=8 (local.get $args)) (i32.add (global.get $prefix_length) (i32.const 2))))
    (local.set $rest_len (i32.sub (i32.load offset=12 (local.get $args)) (i32.add (global.get $prefix_length) (i32.const 2))))
    (local.set $letter (i32.load8_u (i32.sub (local.get $rest) (i32.const 1))))
    ;; h
    (if (i32.eq (local.get $letter) (i32.const 104))
      (then
        (call $text (i32.add (local.get $a) (i32.const 16)) (i32.const 1200) (i32.const 3))
        (call $text (i32.add (local.get $a) (i32.const 24)) (local.get $rest) (local.get $rest_len))
        (i32.store8 offset=104 (local.get $a) (i32.const 1))
        (i32.store8 offset=105 (local.get $a) (i32.const 2))
        (return (local.get $a))))
    ;; p
    (if (i32.eq (local.get $letter) (i32.const 112))
      (then
        (local.set $got (call $get (local.get $rest) (local.get $rest_len)))
        (if (i32.load8_u (local.get $got)) (then (return (local.get $got))))
        (i32.store8 offset=8 (local.get $a) (i32.const 2))
        (i32.store offset=16 (local.get $a) (i32.load offset=8 (local.get $got)))
        (return (local.get $a))))
    (if (i32.eq (local.get $letter) (i32.const 117)) (then unreachable))
    (if (i32.eq (local.get $letter) (i32.const 108)) (then (loop $for_ever (br $for_ever))))
    ;; w, v, y, z
    (global.set $kind (local.get $letter))
    (i32.store8 offset=8 (local.get $a) (i32.const 3))
    (i32.store offset=16 (local.get $a) (call $new_stream (i32.const 1)))
    ;; hint.extension = wav
    (i32.store8 offset=32 (local.get $a) (i32.const 1))
    (call $text (i32.add (local.get $a) (i32.const 36)) (i32.const 1300) (i32.const 3))
    (local.get $a))

  ;; One byte of the WAV: header, then a square wave of 440 Hz (109 samples of 48,000 per period).
  (func $byte (param $at i64) (result i32)
    (local $sample i32)
    (if (i64.lt_u (local.get $at) (i64.const 44))
      (then (return (i32.load8_u (i32.add (i32.const 1400) (i32.wrap_i64 (local.get $at)))))))
    (local.set $sample
      (select (i32.const 8000) (i32.const -8000)
        (i64.lt_u (i64.rem_u (i64.shr_u (i64.sub (local.get $at) (i64.const 44)) (i64.const 1)) (i64.const 109)) (i64.const 54))))
    (if (i64.eqz (i64.and (local.get $at) (i64.const 1)))
      (then (return (i32.and (local.get $sample) (i32.const 255)))))
    (i32.and (i32.shr_u (local.get $sample) (i32.const 8)) (i32.const 255)))

  (func (export "lavalink:plugin/source@1.0.0#[method]byte-stream.read") (param $self i32) (param $max i32) (result i32)
    (local $a i32) (local $out i32) (local $i i32) (local $left i64)
    (if (i32.eq (global.get $kind) (i32.const 118)) (then unreachable))
    (if (i32.eq (global.get $kind) (i32.const 121)) (then (loop $for_ever (br $for_ever))))
    ;; Every answer starts at the same place: the host has copied the last one.
    (global.set $heap (i32.const 131072))
    (local.set $a (call $answer))
    (if (i32.eq (global.get $kind) (i32.const 122))
      (then
        (call $text (i32.add (local.get $a) (i32.const 8)) (i32.const 0) (i32.add (local.get $max) (i32.const 1)))
        (return (local.get $a))))
    (local.set $left (i64.sub (i64.const 960044) (global.get $at)))
    (if (i64.gt_u (i64.extend_i32_u (local.get $max)) (local.get $left))
      (then (local.set $max (i32.wrap_i64 (local.get $left)))))
    (if (i32.gt_u (local.get $max) (i32.const 16384)) (then (local.set $max (i32.const 16384))))
    (local.set $out (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16384)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $max)))
        (i32.store8 (i32.add (local.get $out) (local.get $i)) (call $byte (global.get $at)))
        (global.set $at (i64.add (global.get $at) (i64.const 1)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (call $text (i32.add (local.get $a) (i32.const 8)) (local.get $out) (local.get $max))
    (local.get $a))

  (func (export "lavalink:plugin/source@1.0.0#[method]byte-stream.seek") (param $self i32) (param $offset i64) (result i32)
    (global.set $at (local.get $offset))
    (call $answer))

  (func (export "lavalink:plugin/source@1.0.0#[method]byte-stream.length") (param $self i32) (result i32)
    (local $a i32)
    (local.set $a (call $answer))
    (i32.store8 (local.get $a) (i32.const 1))
    (i64.store offset=8 (local.get $a) (i64.const 960044))
    (local.get $a))

  (func (export "lavalink:plugin/source@1.0.0#[dtor]byte-stream") (param $self i32)))
