import torch
from encoder import pool
from encoder.evaluate import clustered, held_back, hungarian_miou, scores, table
from encoder.net import Encoder
from encoder.train import Plan, Run

PLAN = Plan(2, steps=6, batch=2, crop=32)


def run(folder, out: str, resume: bool = False) -> Run:
    pool.fill(folder / "layouts", 2, shards=1, each=4, side=40)
    made = Run(PLAN, folder / out, folder / "layouts")
    if resume:
        assert made.resume()
    return made


def test_a_resumed_training_ends_as_an_uninterrupted_one(tmp_path):
    whole = run(tmp_path, "whole")
    expected = list(whole)
    first = run(tmp_path, "parts")
    begun = [next(iterator) for iterator in [iter(first)] for _ in range(3)]
    first.save()
    second = run(tmp_path, "parts", resume=True)

    assert begun + list(second) == expected
    for a, b in zip(whole.net.state_dict().values(), second.net.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_training_writes_weights_on_the_way_and_at_the_end(tmp_path):
    made = run(tmp_path, "out")
    list(made)
    made.export("final")

    assert {path.stem for path in (tmp_path / "out").glob("*.safetensors")} == {
        "encoder-2d-tenth", "encoder-2d-third", "encoder-2d-final"
    }  # fmt: skip
    assert Encoder.load(tmp_path / "out/encoder-2d-final.safetensors").tone_weight > 0


def test_statistics_are_frozen_on_the_way(tmp_path):
    made = run(tmp_path, "out")
    frozen = [made.net.frozen for _ in made]

    assert frozen == [False] * 3 + [True] * 3


def test_held_back_scenes_are_scored_by_kind():
    rows = scores(held_back(1, 2, side=40), Encoder(widths=(4, 6)).eval())
    lines = table(rows, lambda row: row[0]).splitlines()

    assert len(lines) == len(rows) + 3
    assert all(0 <= score <= 1 for row in rows for score in row[2].values())


def test_well_apart_classes_score_one():
    truth = torch.arange(2).repeat_interleave(50).numpy()

    assert hungarian_miou(truth, clustered(truth[:, None] * 5.0 + 0.1, 2)) == 1
