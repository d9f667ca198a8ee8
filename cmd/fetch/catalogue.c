/* The published files. Their sums are those that TensorFlow Datasets, torchvision and MLDatasets.jl publish too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "fetch/fetch.h"

const struct remote_set remote_sets[] = {
    {.name = "mnist",
     .mirror = {"https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"},
     .file = {{"train-images-idx3-ubyte.gz", 9912422,
               "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
              {"train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
              {"t10k-images-idx3-ubyte.gz", 1648877,
               "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
              {"t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"}},
     .files = 4},
    {.name = "fashion_mnist",
     .mirror = {"https://fashion-mnist.s3.eu-central-1.amazonaws.com",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"},
     .file = {{"train-images-idx3-ubyte.gz", 26421880,
               "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"},
              {"train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
              {"t10k-images-idx3-ubyte.gz", 4422102,
               "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"},
              {"t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"}},
     .files = 4},
    {.name = "cifar10",
     .mirror = {"https://www.cs.toronto.edu/~kriz", "https://cave.cs.toronto.edu/kriz"},
     .file = {{"cifar-10-binary.tar.gz", 170052171,
               "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}},
     .files = 1,
     .unpacks_to = "cifar-10-batches-bin",
     .unpacked = 185000000},
    {.name = "cifar100",
     .mirror = {"https://www.cs.toronto.edu/~kriz", "https://cave.cs.toronto.edu/kriz"},
     .file = {{"cifar-100-binary.tar.gz", 168513733,
               "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"}},
     .files = 1,
     .unpacks_to = "cifar-100-binary",
     .unpacked = 185000000},
    {0},
};

const struct remote_set *find_remote_set(const char *name)
{
    for (const struct remote_set *set = remote_sets; set->name; set++)
        if (strcmp(set->name, name) == 0)
            return set;
    return NULL;
}

static bool read_line(const char *line, struct remote_file *out)
{
    long long bytes;
    int end = 0;
    if (sscanf(line, "%64[0-9a-f] %lld %63s %n", out->sha256, &bytes, out->name, &end) != 3 || line[end] || bytes <= 0)
        return false;
    out->bytes = bytes;
    return strlen(out->sha256) == 64 && !strchr(out->name, '/') && out->name[0] != '.';
}

int read_manifest(const char *path, struct remote_set *set, struct nl_error *err)
{
    char *text = nl_file_read(path, NULL, err), *rest = text;
    if (!text)
        return NL_FAIL;
    int status = NL_OK, number = 0, most = set->unpacks_to ? 1 : MOST_FILES;
    set->files = 0;
    for (char *line; status == NL_OK && (line = strsep(&rest, "\n"));) {
        number++;
        line[strcspn(line, "#")] = '\0';
        if (!line[strspn(line, " \t\r")])
            continue;
        if (set->files == most)
            status = nl_fail(err, "%s:%d: one file too many: '%s' has at most %d", path, number, set->name, most);
        else if (!read_line(line, &set->file[set->files++]))
            status =
                nl_fail(err, "%s:%d: expected a SHA-256 of 64 small hexadecimal digits, the bytes and the file's name",
                        path, number);
    }
    if (status == NL_OK && set->files == 0)
        status = nl_fail(err, "%s: it names no file", path);
    free(text);
    return status;
}

int use_mirrors(const char *urls, struct remote_set *set, struct nl_error *err)
{
    int count = 0;
    memset(set->mirror, 0, sizeof set->mirror);
    for (const char *at = urls + strspn(urls, " "); *at; at += strspn(at, " ")) {
        int length = (int)strcspn(at, " ");
        if (strncmp(at, "http://", 7) != 0 && strncmp(at, "https://", 8) != 0)
            return nl_fail(err, "bad mirror '%.*s': expected a URL that starts with http:// or https://", length, at);
        if (count == MOST_MIRRORS)
            return nl_fail(err, "too many mirrors: at most %d", MOST_MIRRORS);
        int put = snprintf(set->mirror[count++], LONGEST_URL, "%.*s%s%s", length, at, at[length - 1] == '/' ? "" : "/",
                           set->name);
        if (put >= LONGEST_URL)
            return nl_fail(err, "bad mirror '%.*s': longer than %d characters", length, at, LONGEST_URL);
        at += length;
    }
    return count ? NL_OK : nl_fail(err, "bad mirror '%s': expected a URL", urls);
}
