// The only C++ of the project: SentencePiece has no C interface. Nothing throws across it.
#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

extern "C" {
#include "base/checksum.h"
#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "corpus/text.h"
}
#include "corpus/vocabulary.h"

struct vocabulary {
    sentencepiece::SentencePieceProcessor processor;
    char identity[IDENTITY_SIZE];
    uint16_t end, newline;
    std::vector<uint8_t> piece_bytes;
};

namespace {

constexpr uint32_t pieces_max = 1 << 16;          // tokens have 16 bits
constexpr uint64_t sample_bytes_max = 1000000000; // the trainer's suffix array has 32-bit places
constexpr size_t model_bytes_max = 64 << 20;
constexpr size_t segment_bytes_max = 4096;    // the trainer drops lines over 4192
constexpr char space_mark[] = "\xE2\x96\x81"; // U+2581

// Sums in the trainer are floats, added in an order that depends on the number of threads (sentence i belongs to thread
// i mod threads). The number is therefore a constant, whatever the machine has.
constexpr char trainer_threads[] = "16";

// Runs body, which returns 0 or -1; an exception becomes an error.
template <typename Body> int guard(struct error *error, const char *path, Body body) {
    try {
        return body();
    } catch (const std::exception &exception) {
        return error_set(error, ERROR_FAILED, "%s: SentencePiece: %s", path, exception.what());
    } catch (...) {
        return error_set(error, ERROR_FAILED, "%s: SentencePiece failed", path);
    }
}

// Length of what is encoded in one go at the beginning of text: at most a line, and of a long line at most
// segment_bytes_max bytes, cut in front of a space where there is one. No piece holds a space behind its first place,
// so such a cut changes nothing; but the library adds scores in floats, which lose their digits over a very long line.
size_t segment_size(const char *text, size_t size) {
    const auto *newline = static_cast<const char *>(memchr(text, '\n', size));
    const size_t line = newline ? static_cast<size_t>(newline - text) : size;
    if (line <= segment_bytes_max)
        return line;
    const auto *space = static_cast<const char *>(memrchr(text + 1, ' ', segment_bytes_max));
    if (space)
        return static_cast<size_t>(space - text);
    size_t cut = segment_bytes_max;
    while (cut > 1 && (text[cut] & 0xC0) == 0x80) // not inside a character
        cut--;
    return cut;
}

struct text_closer {
    void operator()(struct text_reader *reader) const {
        text_close(reader);
    }
};
using text_handle = std::unique_ptr<struct text_reader, text_closer>;

// Calls visit(text, size) for every document of a file.
template <typename Visit> int for_each_document(const char *path, struct error *error, Visit visit) {
    struct text_reader *opened = nullptr;
    if (text_open(&opened, path, error) != 0)
        return -1;
    const text_handle reader(opened);
    const char *text;
    size_t size;
    int status;
    while ((status = text_next(reader.get(), &text, &size, error)) == 1)
        visit(text, size);
    return status;
}

// Calls visit(text, size) for every document of a language.
template <typename Visit>
int for_each_document(const char *folder, const char *language, struct error *error, Visit visit) {
    struct text_files files;
    if (text_find(&files, folder, language, error) != 0)
        return -1;
    int result = 0;
    for (uint32_t f = 0; f < files.count && result == 0; f++)
        result = for_each_document(files.paths[f], error, visit);
    text_files_free(&files);
    return result;
}

// What the trainer reads, in the order of languages and of their files.
class sample : public sentencepiece::SentenceIterator {
  public:
    bool done() const override {
        return place == segments.size();
    }
    void Next() override {
        place++;
    }
    const std::string &value() const override {
        return segments[place];
    }
    sentencepiece::util::Status status() const override {
        return {};
    }

    void add(const char *text, size_t size) {
        while (size > 0) {
            const size_t segment = segment_size(text, size);
            if (segment > 0)
                segments.emplace_back(text, segment);
            const size_t taken = segment < size && text[segment] == '\n' ? segment + 1 : segment;
            text += taken;
            size -= taken;
        }
    }

  private:
    std::vector<std::string> segments;
    size_t place = 0;
};

// Draws documents of every language. Whether a document is in the sample depends on its text and the seed alone.
int draw_sample(sample *drawn, const char *folder, const char (*languages)[LANGUAGE_CODE_SIZE], uint32_t language_count,
                const struct vocabulary_settings &settings, struct error *error) {
    std::vector<uint64_t> bytes(language_count);
    uint64_t all_bytes = 0;
    double all_shares = 0;
    const auto share = [&](uint32_t l) { return std::pow(static_cast<double>(bytes[l]), 1 / settings.temperature); };
    for (uint32_t l = 0; l < language_count; l++) {
        if (for_each_document(folder, languages[l], error, [&](const char *, size_t size) { bytes[l] += size; }) != 0)
            return -1;
        if (bytes[l] == 0)
            return error_set(error, ERROR_INPUT, "%s: the text of language %s has no documents", folder, languages[l]);
        all_bytes += bytes[l];
        all_shares += share(l);
    }
    const auto sample_bytes = static_cast<double>(std::min(settings.sample_bytes, all_bytes));
    for (uint32_t l = 0; l < language_count; l++) {
        const double times = sample_bytes * (share(l) / all_shares) / static_cast<double>(bytes[l]);
        const uint64_t key = random_u64(settings.seed, 0, checksum64(languages[l], strlen(languages[l])));
        const auto visit = [&](const char *text, size_t size) {
            const double rest = times - std::floor(times);
            const bool once_more = random_uniform(key, 0, checksum64(text, size)) < rest;
            for (auto left = static_cast<uint64_t>(times) + (once_more ? 1 : 0); left > 0; left--)
                drawn->add(text, size);
        };
        if (for_each_document(folder, languages[l], error, visit) != 0)
            return -1;
    }
    return 0;
}

int check_settings(const char *path, uint32_t language_count, const struct vocabulary_settings &settings,
                   struct error *error) {
    const char *wrong = nullptr;
    if (language_count == 0)
        wrong = "at least one language is needed";
    else if (settings.pieces > pieces_max)
        wrong = "at most 65536 pieces are possible";
    else if (settings.pieces < settings.reserved + (settings.byte_fallback ? 256u : 0u) + 8u)
        wrong = "too few pieces; more are needed than the reserved ones and, with byte fallback, 256 bytes";
    else if (!(settings.temperature > 0))
        wrong = "the temperature must be positive";
    else if (!(settings.coverage >= 0.98 && settings.coverage <= 1))
        wrong = "the character coverage must be 0.98 to 1";
    else if (settings.sample_bytes == 0 || settings.sample_bytes > sample_bytes_max)
        wrong = "the sample must be 1 to 1000000000 bytes";
    return wrong ? error_set(error, ERROR_INPUT, "%s: %s", path, wrong) : 0;
}

// The two complaints of the trainer that a user can do something about, in our words.
int explain_failure(const char *path, const struct vocabulary_settings &settings, const char *message,
                    struct error *error) {
    int limit, wanted, needed;
    const char *found = strstr(message, "Please set it to a value <= ");
    if (found && sscanf(found, "Please set it to a value <= %d", &limit) == 1)
        return error_set(error, ERROR_INPUT,
                         "%s: the text is too small for a vocabulary of %" PRIu32
                         " pieces; use at most %d, or more text",
                         path, settings.pieces, limit);
    found = strstr(message, "required_chars. ");
    if (found && sscanf(found, "required_chars. %d vs %d", &wanted, &needed) == 2)
        return error_set(error, ERROR_INPUT,
                         "%s: %" PRIu32 " pieces are too few for the characters of the text; use more than %d", path,
                         settings.pieces, needed);
    return error_set(error, ERROR_FAILED, "%s: SentencePiece: %s", path, message);
}

int train(const char *path, const struct vocabulary_settings &settings, sample *drawn, struct error *error) {
    std::string own_pieces = "\n";
    for (uint32_t i = 0; i < settings.reserved; i++)
        own_pieces += ",<reserved_" + std::to_string(i) + ">";
    char coverage[32];
    snprintf(coverage, sizeof coverage, "%.9g", settings.coverage);
    const std::unordered_map<std::string, std::string> options = {
        {"model_type", "unigram"},
        {"vocab_size", std::to_string(settings.pieces)},
        {"character_coverage", coverage},
        {"byte_fallback", settings.byte_fallback ? "true" : "false"},
        {"user_defined_symbols", own_pieces},
        {"unk_id", "0"},
        {"eos_id", "1"},
        {"bos_id", "-1"},
        {"pad_id", "-1"},
        {"normalization_rule_name", "identity"},
        {"remove_extra_whitespaces", "false"},
        {"add_dummy_prefix", "false"},
        {"num_threads", trainer_threads},
        {"minloglevel", "4"},
    };
    std::string model;
    const auto status = sentencepiece::SentencePieceTrainer::Train(options, drawn, &model);
    if (!status.ok())
        return explain_failure(path, settings, status.error_message(), error);
    return file_write(path, model.data(), model.size(), error);
}

// False: these are not the bytes of a model. Of some, the library says so by throwing.
bool load(sentencepiece::SentencePieceProcessor *processor, const std::string &bytes) {
    try {
        return processor->LoadFromSerializedProto(bytes).ok();
    } catch (const std::bad_alloc &) {
        throw;
    } catch (const std::exception &) {
        return false;
    }
}

// Bytes of text that a piece stands for.
size_t count_piece_bytes(const sentencepiece::SentencePieceProcessor &processor, int id) {
    if (processor.IsControl(id) || processor.IsUnknown(id))
        return 0;
    if (processor.IsByte(id))
        return 1;
    const std::string &piece = processor.IdToPiece(id);
    size_t bytes = piece.size();
    for (size_t at = piece.find(space_mark); at != std::string::npos; at = piece.find(space_mark, at + 3))
        bytes -= 2;
    return bytes;
}

} // namespace

int vocabulary_train(const char *path, const char *text_folder, const char (*languages)[LANGUAGE_CODE_SIZE],
                     uint32_t language_count, const struct vocabulary_settings *settings, struct error *error) {
    return guard(error, path, [&] {
        sample drawn;
        if (check_settings(path, language_count, *settings, error) != 0 ||
            draw_sample(&drawn, text_folder, languages, language_count, *settings, error) != 0)
            return -1;
        if (drawn.done())
            return error_set(error, ERROR_INPUT,
                             "%s: the sample holds no document; make it larger than %" PRIu64 " bytes", path,
                             settings->sample_bytes);
        return train(path, *settings, &drawn, error);
    });
}

int vocabulary_open(struct vocabulary **vocabulary, const char *path, struct error *error) {
    *vocabulary = nullptr;
    return guard(error, path, [&] {
        char *bytes;
        size_t size;
        if (file_read(path, model_bytes_max, &bytes, &size, error) != 0)
            return -1;
        const std::unique_ptr<char, decltype(&free)> owner(bytes, free);
        auto made = std::make_unique<struct vocabulary>();
        if (!load(&made->processor, std::string(bytes, size)))
            return error_set(error, ERROR_INPUT,
                             "%s: not a SentencePiece model; make it with `sweep corpus vocabulary`", path);
        const auto &processor = made->processor;
        const int pieces = processor.GetPieceSize(), newline = processor.PieceToId("\n");
        if (pieces > static_cast<int>(pieces_max) || processor.eos_id() < 0 || processor.IsUnknown(newline))
            return error_set(
                error, ERROR_INPUT,
                "%s: not a vocabulary of sweep: at most 65536 pieces, an end and a newline among them; make "
                "it with `sweep corpus vocabulary`",
                path);
        for (int id = 0; id < pieces; id++) {
            const size_t piece = count_piece_bytes(processor, id);
            if (piece > UINT8_MAX)
                return error_set(error, ERROR_INPUT, "%s: piece %d is longer than 255 bytes", path, id);
            made->piece_bytes.push_back(static_cast<uint8_t>(piece));
        }
        checksum_identity(bytes, size, made->identity);
        made->end = static_cast<uint16_t>(processor.eos_id());
        made->newline = static_cast<uint16_t>(newline);
        *vocabulary = made.release();
        return 0;
    });
}

void vocabulary_close(struct vocabulary *vocabulary) {
    delete vocabulary;
}

uint32_t vocabulary_size(const struct vocabulary *vocabulary) {
    return static_cast<uint32_t>(vocabulary->piece_bytes.size());
}

const char *vocabulary_identity(const struct vocabulary *vocabulary) {
    return vocabulary->identity;
}

uint16_t vocabulary_end(const struct vocabulary *vocabulary) {
    return vocabulary->end;
}

uint32_t vocabulary_piece_bytes(const struct vocabulary *vocabulary, uint16_t piece) {
    return vocabulary->piece_bytes[piece];
}

int vocabulary_encode(const struct vocabulary *vocabulary, const char *text, size_t size, uint16_t **tokens,
                      size_t *room, size_t *count, struct error *error) {
    *count = 0;
    return guard(error, "encoding", [&] {
        std::vector<int> ids;
        while (size > 0) {
            const size_t segment = segment_size(text, size);
            const bool line_ends = segment < size && text[segment] == '\n';
            const auto status = vocabulary->processor.Encode(absl::string_view(text, segment), &ids);
            if (!status.ok())
                return error_set(error, ERROR_FAILED, "SentencePiece cannot encode a text: %s", status.error_message());
            if (line_ends)
                ids.push_back(vocabulary->newline);
            if (*count + ids.size() > *room) {
                const size_t larger_room = 2 * (*count + ids.size());
                auto *larger = static_cast<uint16_t *>(realloc(*tokens, larger_room * sizeof(uint16_t)));
                if (!larger)
                    return error_set(error, ERROR_FAILED, "no memory for %zu tokens", larger_room);
                *tokens = larger;
                *room = larger_room;
            }
            for (const int id : ids)
                (*tokens)[(*count)++] = static_cast<uint16_t>(id);
            text += segment + (line_ends ? 1 : 0);
            size -= segment + (line_ends ? 1 : 0);
        }
        return 0;
    });
}
