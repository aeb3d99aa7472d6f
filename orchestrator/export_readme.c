/* The README.md of a run that is exported: model/model.h in the words of who computes with it in another program. */
#include "base/file.h"
#include "orchestrator/export_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void write_run(FILE *file, const struct study_data *data, const struct run_record *run) {
    fprintf(file,
            "# Run %u of study %s\n\n"
            "A language model, trained and exported by sweep " SWEEP_VERSION ".\n\n"
            "| | |\n|---|---|\n"
            "| kind, mixture | %s, %s |\n| shares of languages |",
            run->run, data->study.name, run->kind, run->name);
    for (uint32_t l = 0; l < run->language_count; l++)
        fprintf(file, "%s %s %.4g", l ? "," : "", run->languages[l].language, run->languages[l].weight);
    fprintf(file,
            " |\n| size | %s: %" PRIu64 " parameters |\n"
            "| trained | %" PRIu64 " steps of %u sequences of %u tokens: %" PRIu64 " tokens, seed %" PRIu64 " |\n"
            "| precision of products | %s |\n| identity | %s |\n",
            run->size, run->parameters, run->steps, run->batch, run->sequence, run->tokens, run->seed, run->precision,
            run->identity);
}

static void write_losses(FILE *file, const struct study_data *data, const struct run_record *run) {
    fputs("\n## Losses of these weights\n\n"
          "| language | set | cross entropy, nats a token | minus that of unigrams | bits a byte |\n"
          "|---|---|---|---|---|\n",
          file);
    for (size_t i = 0; i < data->loss_count; i++) {
        const struct loss_point *loss = &data->losses[i];
        if (loss->run == run->run && loss->step == run->steps)
            fprintf(file, "| %s | %s | %.6f | %.6f | %.6f |\n", loss->language, loss->set, loss->cross_entropy,
                    loss->unigram_normalised, loss->bits_per_byte);
    }
}

static void write_tensors(FILE *file, const struct run_record *run) {
    const uint32_t V = run->vocabulary, d = run->width, H = run->heads * run->head_size, ffw = run->feed_forward;
    fprintf(file,
            "\n## Tensors of model.safetensors\n\n"
            "Each is fp32, little-endian, row-major. A layer computes `x W` with rows x, so a matrix is\n"
            "[inputs, outputs]; PyTorch's `Linear` keeps the transpose. L counts the layers: 0 to %u.\n\n"
            "| tensor | shape | what |\n|---|---|---|\n"
            "| `embedding` | [%u, %u] | a row for each piece; input and output embedding are one |\n"
            "| `layers.L.norm` | [%u] | factors behind the norm of layer L |\n"
            "| `layers.L.inner` | [%u, %u] | columns of query, key, value, gate and up, see below |\n"
            "| `layers.L.output` | [%u, %u] | from what attention found |\n"
            "| `layers.L.down` | [%u, %u] | from the hidden layer of the feed-forward |\n",
            run->layers - 1, V, d, d, d, 3 * H + 2 * ffw, H, d, ffw, d);
    fprintf(file,
            "\n| columns of `inner` | what |\n|---|---|\n"
            "| 0 to %u | query |\n| %u to %u | key |\n| %u to %u | value |\n| %u to %u | gate |\n| %u to %u | up |\n\n"
            "Query, key and value each hold %u head%s of %u columns, one behind the other.\n",
            H - 1, H, 2 * H - 1, 2 * H, 3 * H - 1, 3 * H, 3 * H + ffw - 1, 3 * H + ffw, 3 * H + 2 * ffw - 1, run->heads,
            run->heads == 1 ? "" : "s", run->head_size);
}

static void write_pass(FILE *file, const struct run_record *run) {
    const uint32_t h = run->head_size;
    fprintf(file,
            "\n## Forward pass\n\n"
            "    norm(x) = x / sqrt(mean of x^2 over the %u elements of a row + 1e-6)\n"
            "    silu(z) = z / (1 + exp(-z))\n\n"
            "    x = embedding[tokens]                                without any factor\n"
            "    for each layer:\n"
            "        n = norm(x) * layers.L.norm\n"
            "        query, key, value, gate, up = columns of n inner\n"
            "        attended = attention(rotate(query), rotate(key), value)\n"
            "        x = x + attended output + (silu(gate) * up) down     both from the same n\n"
            "    logits = norm(x) embedding^T                         this norm has no factors\n\n"
            "- `*` is elementwise, all else are products of matrices. There are no biases, and no dropout\n"
            "  outside of training.\n",
            run->width);
    fprintf(file,
            "- rotate turns pairs of elements of each head. At position t, which is 0 for the first token of\n"
            "  a sequence, for i from 0 to %u:\n\n"
            "      angle = t / 10000^(2 i / %u)\n"
            "      u, v = elements i and i + %u\n"
            "      become u cos(angle) - v sin(angle), v cos(angle) + u sin(angle)\n\n"
            "- attention, head by head: softmax(query key^T / sqrt(%u)) value, where a position sees itself\n"
            "  and those before it.\n",
            h / 2 - 1, h, h / 2, h);
    fprintf(file,
            "- logits at t are those of token t + 1; cross entropy is -ln of their softmax, in nats.\n"
            "- Training saw sequences of %u tokens, cut one behind the other out of documents that lie end to\n"
            "  end, each closed by piece 1. No piece begins a text, and nothing hides one document from the\n"
            "  next. Losses are means over such sequences of the held-out text.\n",
            run->sequence);
    if (strcmp(run->precision, "bf16") == 0)
        fputs("- The operands of products were rounded to bf16, also for these losses: in fp32 they differ a\n"
              "  little.\n",
              file);
}

static void write_vocabulary(FILE *file, const char *identity, bool copied) {
    fputs("\n## vocabulary.model\n\n", file);
    if (!copied)
        fputs("It was not found by the export: copy it from the folder of the study's tokens.\n", file);
    fprintf(file,
            "It is a model of SentencePiece. Piece 0 is the unknown piece, 1 ends a document, 2 is a newline:\n"
            "encode line by line, with piece 2 in between. `sweep check vocabulary.model` tells its identity:\n"
            "%s.\n",
            identity);
}

static void write_reading(FILE *file) {
    fputs("\n## Reading it from Python\n\n"
          "`safetensors.torch.load_file(\"model.safetensors\")` gives the tensors, or without that package:\n\n"
          "```python\n"
          "import json, struct, numpy\n\n"
          "with open(\"model.safetensors\", \"rb\") as f:\n"
          "    header = json.loads(f.read(struct.unpack(\"<Q\", f.read(8))[0]))\n"
          "    data = f.read()\n"
          "metadata = header.pop(\"__metadata__\")\n"
          "weights = {}\n"
          "for name, tensor in header.items():\n"
          "    begin, end = tensor[\"data_offsets\"]\n"
          "    weights[name] = numpy.frombuffer(data[begin:end], \"<f4\").reshape(tensor[\"shape\"])\n"
          "```\n",
          file);
}

int export_readme(const char *path, const struct study_data *data, const struct run_record *run, const char *vocabulary,
                  bool copied, struct error *error) {
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return error_set(error, ERROR_FAILED, "%s: no memory for it", path);
    write_run(file, data, run);
    write_losses(file, data, run);
    write_tensors(file, run);
    write_pass(file, run);
    write_vocabulary(file, vocabulary, copied);
    write_reading(file);
    const bool failed = ferror(file) != 0;
    const int result = fclose(file) != 0 || failed ? error_set(error, ERROR_FAILED, "%s: no memory for it", path)
                                                   : file_write(path, text, size, error);
    free(text);
    return result;
}
