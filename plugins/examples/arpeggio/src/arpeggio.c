// A source in C: `arpeggio:Am F C G` is one chord after the other, each broken into its notes.
//
// plugin.h declares all there is: `exports_source_...` are the functions the node calls, which this file defines, and
// `host_...` are those it lends. `lavalink-rust plugin build` makes it of the contract, below target/lavalink.
//
// What comes in as an argument belongs to the plugin, and what goes out to the caller, who frees it: so texts that are
// handed out are copied (plugin_string_dup), and arguments are freed. There is a C library, but no system behind it: what
// would need files, a clock or a terminal does not link.

#include "plugin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "arpeggio:"
#define TAU 6.283185307179586

enum {
    RATE = 48000,
    NOTES = 8,             // of a chord
    NOTE = RATE / 4,       // frames of a note
    CHORD = NOTES * NOTE,  // frames of a chord
    MOST = 64,             // chords of a track
    FRAME = 2,             // bytes of a frame: one sample of 16 bits
    HEADER = 44,           // bytes before the first frame
};

// A chord: its lowest note, in semitones above the C of 261.6 Hz, and whether it is minor.
typedef struct {
    int root;
    bool is_minor;
} chord_t;

// The tracks are told apart by their chords alone.
typedef struct {
    chord_t chords[MOST];
    uint32_t count;
} song_t;

// --- Chords -------------------------------------------------------------------------------------------------------------

// Reads a chord such as `C`, `F#m` or `Bb` at `text`, and returns how long it is; 0 when it is none.
static size_t read_chord(const char *text, size_t length, chord_t *chord) {
    static const int semitones[] = {9, 11, 0, 2, 4, 5, 7};  // A to G
    if (length == 0 || text[0] < 'A' || text[0] > 'G') {
        return 0;
    }
    size_t at = 1;
    chord->root = semitones[text[0] - 'A'];
    if (at < length && (text[at] == '#' || text[at] == 'b')) {
        chord->root += text[at] == '#' ? 1 : -1;
        at += 1;
    }
    chord->is_minor = at < length && text[at] == 'm';
    return at + chord->is_minor;
}

// Reads chords with single spaces between them. False when there is anything else, or too many.
static bool read_song(const char *text, size_t length, song_t *song) {
    song->count = 0;
    for (size_t at = 0; at < length;) {
        if (song->count == MOST || (song->count > 0 && text[at++] != ' ')) {
            return false;
        }
        size_t read = read_chord(text + at, length - at, &song->chords[song->count]);
        if (read == 0) {
            return false;
        }
        at += read;
        song->count += 1;
    }
    return song->count > 0;
}

// --- Sound --------------------------------------------------------------------------------------------------------------

// The sample of a frame: a sine that fades out, up and down the chord.
static int16_t sample(const song_t *song, uint32_t frame) {
    static const int order[NOTES] = {0, 1, 2, 3, 2, 1, 0, 1};
    const chord_t *chord = &song->chords[frame / CHORD];
    const int steps[] = {0, chord->is_minor ? 3 : 4, 7, 12};
    uint32_t into = frame % NOTE;
    double semitone = chord->root + steps[order[frame % CHORD / NOTE]];
    double hertz = 261.625565 * exp2(semitone / 12);
    double loudness = 0.3 * (1.0 - (double)into / NOTE);
    return (int16_t)(32767.0 * loudness * sin(TAU * hertz * into / RATE));
}

static uint32_t size_of(const song_t *song) {
    return HEADER + song->count * CHORD * FRAME;
}

// Writes a number with its lowest byte first.
static void put(uint8_t *to, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

// The header of a WAV file with one channel of 16 bits.
static void write_header(const song_t *song, uint8_t header[HEADER]) {
    uint32_t data = size_of(song) - HEADER;
    memcpy(header, "RIFF    WAVEfmt                     data    ", HEADER);
    put(header + 4, HEADER - 8 + data, 4);
    put(header + 16, 16, 4);
    put(header + 20, 1, 2);
    put(header + 22, 1, 2);
    put(header + 24, RATE, 4);
    put(header + 28, RATE * FRAME, 4);
    put(header + 32, FRAME, 2);
    put(header + 34, 8 * FRAME, 2);
    put(header + 40, data, 4);
}

// --- The stream ---------------------------------------------------------------------------------------------------------

// What is behind a stream the node reads. The node gives it an instance of the plugin of its own.
struct exports_source_byte_stream_t {
    song_t song;
    uint32_t position;  // byte that is read next
};

bool exports_source_method_byte_stream_read(exports_source_borrow_byte_stream_t self, uint32_t max,
                                            plugin_list_u8_t *ret, exports_source_failure_t *err) {
    (void)err;
    uint8_t header[HEADER];
    write_header(&self->song, header);
    uint32_t left = size_of(&self->song) - self->position;
    ret->len = max < left ? max : left;
    ret->ptr = ret->len > 0 ? malloc(ret->len) : NULL;
    if (ret->len > 0 && ret->ptr == NULL) {
        abort();
    }
    uint16_t value = 0;
    for (size_t i = 0; i < ret->len; i++, self->position++) {
        if (self->position < HEADER) {
            ret->ptr[i] = header[self->position];
            continue;
        }
        uint32_t at = self->position - HEADER;
        if (i == 0 || at % FRAME == 0) {
            value = (uint16_t)sample(&self->song, at / FRAME);
        }
        ret->ptr[i] = (uint8_t)(value >> (8 * (at % FRAME)));
    }
    return true;
}

bool exports_source_method_byte_stream_seek(exports_source_borrow_byte_stream_t self, uint64_t offset,
                                            exports_source_failure_t *err) {
    (void)err;
    uint32_t end = size_of(&self->song);
    self->position = offset < end ? (uint32_t)offset : end;
    return true;
}

bool exports_source_method_byte_stream_length(exports_source_borrow_byte_stream_t self, uint64_t *ret) {
    *ret = size_of(&self->song);
    return true;
}

void exports_source_byte_stream_destructor(exports_source_byte_stream_t *stream) {
    free(stream);
}

// --- The source ---------------------------------------------------------------------------------------------------------

// For what users cause; `cause` is the technical reason.
static bool fail(exports_source_failure_t *err, const char *message, const char *cause) {
    plugin_string_dup(&err->message, message);
    err->severity = TYPES_SEVERITY_COMMON;
    plugin_string_dup(&err->cause, cause);
    err->retry.is_some = false;
    return false;
}

void exports_source_describe(exports_source_list_source_descriptor_t *ret) {
    exports_source_source_descriptor_t *source = calloc(1, sizeof *source);
    plugin_string_t *prefix = malloc(sizeof *prefix);
    if (source == NULL || prefix == NULL) {
        abort();
    }
    plugin_string_dup(prefix, PREFIX);
    plugin_string_dup(&source->name, "arpeggio");
    source->search_prefixes.ptr = prefix;
    source->search_prefixes.len = 1;
    ret->ptr = source;
    ret->len = 1;
}

bool exports_source_load(uint32_t source, plugin_string_t *identifier, exports_source_loaded_t *ret,
                         exports_source_failure_t *err) {
    (void)source;
    const size_t prefix = strlen(PREFIX);
    if (identifier->len < prefix || memcmp(identifier->ptr, PREFIX, prefix) != 0) {
        ret->tag = TYPES_LOADED_NOT_MINE;
        plugin_string_free(identifier);
        return true;
    }
    const char *chords = (const char *)identifier->ptr + prefix;
    const size_t length = identifier->len - prefix;
    song_t song;
    bool is_song = read_song(chords, length, &song);
    if (is_song) {
        exports_source_track_t *track = &ret->val.track;
        memset(track, 0, sizeof *track);
        plugin_string_dup_n(&track->info.identifier, chords, length);
        plugin_string_dup_n(&track->info.title, chords, length);
        plugin_string_dup(&track->info.author, "Arpeggio");
        track->info.is_seekable = true;
        track->info.length_ms.is_some = true;
        track->info.length_ms.val = 1000ull * song.count * CHORD / RATE;
        ret->tag = TYPES_LOADED_TRACK;
    } else if (length == 0) {
        ret->tag = TYPES_LOADED_NOTHING;
    }
    plugin_string_free(identifier);
    if (is_song || length == 0) {
        return true;
    }
    return fail(err, "These are no chords.", "chords are a letter from A to G, # or b, m, and 64 at most");
}

bool exports_source_decode_details(uint32_t source, uint8_t version, plugin_list_u8_t *details,
                                   exports_source_details_t *ret, exports_source_failure_t *err) {
    (void)source, (void)version;
    bool is_empty = details->len == 0;
    plugin_list_u8_free(details);
    memset(ret, 0, sizeof *ret);
    return is_empty || fail(err, "This is no track of arpeggios.", "arpeggios have no details");
}

bool exports_source_open(uint32_t source, exports_source_track_t *track, uint64_t position_ms,
                         exports_source_media_t *ret, exports_source_failure_t *err) {
    (void)source, (void)position_ms;
    exports_source_byte_stream_t *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        abort();
    }
    const plugin_string_t *chords = &track->info.identifier;
    bool is_song = read_song((const char *)chords->ptr, chords->len, &stream->song);
    exports_source_track_free(track);
    if (!is_song) {
        free(stream);
        return fail(err, "These are no chords.", "the track is damaged");
    }
    memset(ret, 0, sizeof *ret);
    ret->tag = EXPORTS_SOURCE_MEDIA_BYTES;
    ret->val.bytes.f0 = exports_source_byte_stream_new(stream);
    ret->val.bytes.f1.mime.is_some = true;
    plugin_string_dup(&ret->val.bytes.f1.mime.val, "audio/wav");

    plugin_string_t line;
    plugin_string_set(&line, "An arpeggio begins");
    host_log(TYPES_LEVEL_DEBUG, &line);
    return true;
}
