/* The first bytes of files that people have at hand where a configuration, a table or a network is asked for. */
#include "base/foreign.h"

#include <string.h>

#define ARRAYS "data.name: npy with data.dir reads arrays"
#define PICKLES "weights are saved by safetensors.torch.save_file"

static const struct kind {
    const char *magic;
    size_t at, length;
    const char *what, *remedy;
} kinds[] = {
    {"PK\3\4", 0, 4, "a zip archive, as numpy.savez and torch.save write them", ARRAYS "; " PICKLES},
    {"\x93NUMPY", 0, 6, "an array of NumPy (.npy)", ARRAYS},
    {"\x80\2", 0, 2, "a pickle of Python, which may run code and is never read", PICKLES},
    {"\x80\3", 0, 2, "a pickle of Python, which may run code and is never read", PICKLES},
    {"\x80\4", 0, 2, "a pickle of Python, which may run code and is never read", PICKLES},
    {"\x80\5", 0, 2, "a pickle of Python, which may run code and is never read", PICKLES},
    {"\0\0\0\0{\"", 4, 6, "a safetensors file", "normlab eval scores a saved network"}, /* after its length */
    {"\x1f\x8b", 0, 2, "compressed by gzip", "gunzip unpacks it"},
    {"BZh", 0, 3, "compressed by bzip2", "bunzip2 unpacks it"},
    {"\xfd"
     "7zXZ",
     0, 5, "compressed by xz", "unxz unpacks it"},
    {"\x89HDF", 0, 4, "an HDF5 file", "numpy.save writes its arrays as .npy"},
    {"PAR1", 0, 4, "a Parquet file", "pandas writes it as CSV: read_parquet, to_csv"},
    {"\x89PNG", 0, 4, "a picture", NULL},
    {"\xff\xd8\xff", 0, 3, "a picture", NULL},
    {"%PDF", 0, 4, "a PDF", NULL},
    {"\xff\xfe", 0, 2, "text in UTF-16", "save the file as UTF-8"},
    {"\xfe\xff", 0, 2, "text in UTF-16", "save the file as UTF-8"},
};

const char *nl_foreign(const char *bytes, size_t length, const char **remedy)
{
    for (const struct kind *kind = kinds; kind < kinds + sizeof kinds / sizeof *kinds; kind++)
        if (length >= kind->at + kind->length && memcmp(bytes + kind->at, kind->magic, kind->length) == 0) {
            if (remedy)
                *remedy = kind->remedy;
            return kind->what;
        }
    return NULL;
}
