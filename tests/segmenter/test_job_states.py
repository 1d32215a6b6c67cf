"""A job in any order of work, kill, torn files, resumption and reading: what is done stays, the end is the same."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.segmenter.test_job import content

import napari_ae_seg as ae
from napari_ae_seg.autoencoder import encode
from napari_ae_seg.core.journal import entries
from napari_ae_seg.images.formats import ngff as files

IMAGE = (np.indices((70, 100)).sum(0) // 23 % 3 + np.random.default_rng(0).normal(0, 0.1, (70, 100))).astype(np.float32)


class Jobs(RuleBasedStateMachine):
    """One job that is worked on, killed and gone on with."""

    made = None

    @initialize()
    def begin(self):
        self.before = dict(encode.BLOCK), dict(files.SIDES)
        encode.BLOCK.update({2: 32})
        files.SIDES.update({2: 16})
        self.folder = Path(tempfile.mkdtemp())
        if Jobs.made is None:
            config = ae.SegmentationConfig(
                n_clusters=3, features="intensity", smoothing=0, sharpen=False, stride=1, threads=1
            )
            segmenter = ae.Segmenter.fit(None, IMAGE, config)
            segments = segmenter.apply(IMAGE, out=self.folder / "whole.zarr")
            Jobs.made = segmenter, segments.labels[:], content(self.folder / "whole.zarr")
        self.segmenter, self.labels, self.bytes = Jobs.made
        self.steps = None
        self.job = None

    @property
    def out(self):
        return self.folder / "l.zarr"

    @precondition(lambda self: self.steps is None)
    @rule(share=st.sampled_from([(0, 1), (0, 2), (1, 2)]))
    def start(self, share):
        shutil.rmtree(self.out, ignore_errors=True)
        self.job = ae.Job(self.segmenter, ae.read(IMAGE).image, self.out, share=share)
        self.steps = iter(self.job)

    @precondition(lambda self: self.steps is not None)
    @rule(count=st.integers(1, 5))
    def work(self, count):
        for _ in range(count):
            if next(self.steps, None) is None:
                self.steps = None
                return

    @precondition(lambda self: self.steps is not None)
    @rule(torn=st.binary(max_size=20).filter(lambda content: b"\n" not in content), number=st.integers(0, 11))
    def kill(self, torn, number):
        """A kill leaves half a line in the journal, and half a file of a block that is not written down."""
        self.steps.close()
        self.steps = None
        job = self.job.partial / files.JOB
        for journal in (job / "journal").glob("*.jsonl"):
            with journal.open("ab") as file:
                file.write(torn)
        if number not in self.done():
            place = self.job.partial / "0/c" / str(number // 4) / str(number % 4)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(torn)

    @invariant()
    def what_is_done_reads_as_it_will_in_the_end(self):
        if self.job is None or self.out.exists():
            return
        for number in self.done():
            y, x = 32 * (number // 4), 32 * (number % 4)
            block = (slice(y, y + 32), slice(x, x + 32))
            assert np.array_equal(self.job.labels[block], self.labels[block])

    @invariant()
    def what_is_complete_has_the_bytes_of_an_undisturbed_run(self):
        if self.job is not None and self.out.exists() and self.steps is None:
            assert content(self.out) == self.bytes

    def done(self):
        """Numbers of the blocks that journals say are done."""
        journals = (self.job.partial / files.JOB / "journal").glob("*.jsonl")
        lines = [line for journal in journals for line in entries(journal)[1:]]
        return {line["number"] for line in lines if line["stage"] == "label"}

    def teardown(self):
        if self.steps is not None:
            self.steps.close()
        if self.job is not None and not self.out.exists():
            ae.Job(self.segmenter, ae.read(IMAGE).image, self.out).run()
            assert content(self.out) == self.bytes
        shutil.rmtree(self.folder)
        encode.BLOCK.update(self.before[0])
        files.SIDES.update(self.before[1])


Jobs.TestCase.settings = settings(max_examples=10, stateful_step_count=12, deadline=None)
TestJobs = Jobs.TestCase
