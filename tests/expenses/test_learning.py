"""What is learned: the shipped words, a model of confirmed rows, and honest silence."""

import subprocess
import sys

import pytest

from expenses.tagging import learning
from expenses.tagging.learning import Example, load, save, starting_model, starting_words, train
from expenses.tagging.narration import read_narration

SHIPPED_TAGS = {
    *("Rent", "Bills", "Groceries", "Food", "Dineout", "Travel", "Fuel", "Shopping", "Services", "Contact"),
    *("Investments", "Fun", "Health", "Education", "Insurance", "EMI", "Cash", "Bank Charges", "Salary"),
}


def guess(text, model=None):
    found = (model or starting_model()).guess(read_narration(text))
    return found.tag if found else None


@pytest.fixture(scope="module")
def examples():
    """A village of payees with words that nothing shipped knows: x… sell fuel, y… sell food, z… are not told."""
    sounds = ["ba", "ki", "lo", "mu", "re", "si", "ta", "vo", "du", "pe"]
    names = [a + b for a in sounds for b in sounds]
    kinds = [("xorvimp", "Fuel"), ("yuggleth", "Food"), ("zephwick", "Shopping")]
    return [Example(read_narration(f"UPI-{n} {w}-{n}@ybl"), tag) for n in names for w, tag in kinds]


@pytest.fixture(scope="module")
def model(examples):
    return train(examples)


def test_shipped_words_know_every_starting_tag_but_tbd():
    words = starting_words()
    assert {tag for _, tag in words.phrases.values()} == SHIPPED_TAGS
    assert len(words.phrases) > 1500
    assert len(words.names) > 500


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("UPI-NEW SRI GANAPATHI MEDICALS-x1@ybl", "Health"),
        ("UPI-KAMALAM MALIGAI STORES-x2@ybl", "Groceries"),
        ("UPI-SWIGGY INSTAMART-x3@ybl", "Groceries"),
        ("UPI-HOTEL GRAND PALACE RESTAURANT-x4@ybl", "Dineout"),
        ("POS 512345XXXXXX1234 SHREE PETROLEUM", "Fuel"),
        ("UPI-XYZ-xyz@ybl-SBIN0001234-512345678901-school fees", "Education"),
        ("UPI-MOHAN RAJ K-9876543210@ybl", "Contact"),
        ("UPI-MR QUILLON-q@ybl", "Contact"),
        ("UPI-KUMAR TEXTILES-k@ybl", "Shopping"),
        ("UPI-VETRIVEL FILLING STA-vv@ybl", "Fuel"),
        ("ATW-512345XXXXXX1234-COIMBATORE", "Cash"),
        ("SMS CHARGES JAN-MAR25", "Bank Charges"),
        ("CC 000512345XXXXXX1234 AUTOPAY", "Bills"),
        ("UPI-SRI ENTERPRISES-sri@ybl", None),
        ("UPI-Q123456789@ybl", None),
        ("", None),
    ],
)
def test_first_day(text, tag):
    assert guess(text) == tag


def test_training_learns_words_of_payees_never_seen(model):
    assert guess("UPI-QUORN XORVIMP-a1@ybl", model) == "Fuel"
    assert guess("UPI-QUORN YUGGLETHS-a2@ybl", model) == "Food"
    assert model.threshold >= learning.LEAST_THRESHOLD


def test_unlike_anything_stays_undecided(model):
    assert guess("UPI-QQQQ JJJJ-a3@ybl", model) is None


def test_few_examples_train_no_classifier_but_count(examples):
    small = train(examples[:5])
    assert (small.weights, small.examples) == (None, 5)
    assert guess("UPI-NEW SRI GANAPATHI MEDICALS-x1@ybl", small) == "Health"


def test_shipped_word_that_corrections_contradict_is_dropped():
    told = [Example(read_narration(f"UPI-{n} MEDICALS-{n}@ybl"), "Shopping") for n in ("AAA", "BBB", "CCC")]
    assert guess("UPI-DDD MEDICALS-ddd@ybl", train(told)) is None


def test_arrays_give_the_probabilities_of_scikit_learn(examples):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts = [learning.features_text(example.narration) for example in examples]
    tags = [example.tag for example in examples]
    ours = learning._fit(texts, tags, [])
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=learning.NGRAMS, lowercase=False, sublinear_tf=True)
    theirs = LogisticRegression(solver="liblinear", dual=True, tol=0.01, C=20.0, random_state=0)
    theirs.fit(vectorizer.fit_transform(texts), [tag == "Fuel" for tag in tags], sample_weight=[2.0] * len(texts))
    for text in ["baki xorvimp @baki", "lomu", "quorn yugg"]:
        expected = theirs.predict_proba(vectorizer.transform([text]))[0, 1]
        assert ours._probabilities(text)[ours.tags.index("Fuel")] == pytest.approx(expected, abs=1e-4)


def test_two_tags_train_as_well_as_three(examples):
    two = train([example for example in examples if example.tag != "Shopping"][:60])
    assert guess("UPI-QUORN XORVIMP-a1@ybl", two) == "Fuel"


def test_saved_model_comes_back_the_same(model, tmp_path):
    path = tmp_path / "models" / "book.npz"
    save(model, path)
    again = load(path)
    assert again.version == model.version
    assert again.guess(read_narration("UPI-QUORN XORVIMP")) == model.guess(read_narration("UPI-QUORN XORVIMP"))
    assert [item.name for item in path.parent.iterdir()] == ["book.npz"]
    save(train([]), path)
    assert load(path).weights is None


def test_missing_damaged_or_older_model_is_none(model, tmp_path, monkeypatch):
    path = tmp_path / "book.npz"
    assert load(path) is None
    save(model, path)
    whole = path.read_bytes()
    for damaged in (b"", b"no model", whole[: len(whole) // 2], whole[:-30]):
        path.write_bytes(damaged)
        assert load(path) is None
    path.write_bytes(whole)
    monkeypatch.setattr(learning, "FORMAT", 2)
    assert load(path) is None


def test_loading_and_guessing_never_import_scikit_learn(model, tmp_path):
    save(model, tmp_path / "book.npz")
    code = (
        "import sys; from pathlib import Path; from expenses.tagging import categorise, learning, narration\n"
        f"model = learning.load(Path({str(tmp_path / 'book.npz')!r}))\n"
        "assert model.guess(narration.read_narration('UPI-QUORN XORVIMP')).tag == 'Fuel'\n"
        "assert not {'sklearn', 'scipy', 'django', 'openai'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=learning.WORDS_PATH.parents[2])
