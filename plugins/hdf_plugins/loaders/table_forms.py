"""The forms of table that are known, told apart by the header.

The challenge's is that of ``stage_2_train_labels.csv`` of the RSNA Pneumonia Detection Challenge
(Shih et al., Radiology: Artificial Intelligence 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hdf.errors import user_error

FRAME = ("img_shape_x", "img_shape_y")
PATIENT = ("patient", "patient_id", "patientid")


@dataclass(frozen=True, slots=True)
class Form:
    """Which column says what; all names in lower case.

    Attributes:
        box: left, top, and width and height or right and bottom.
        sized: whether `box` ends with width and height.
        name: the image's name.
        label: what the boxes of a table without a column ``label`` are; empty if the form has one.
        target: 1 where the row has a box, 0 where its image has none; empty if all rows have one.
        patient: whose image it is; empty where no column says so.
        shown: the form as messages show it.
        several: whether an image may have several boxes of one label.
    """

    box: tuple[str, str, str, str]
    sized: bool
    name: str
    label: str
    shown: str
    target: str = ""
    patient: str = ""
    several: bool = False

    @property
    def required(self) -> set[str]:
        """The columns that tell this form from the others."""
        others = {"" if self.label else "label", self.target} - {""}
        return {*self.box, self.name} | others


FORMS = (
    Form(
        box=("x0", "y0", "w", "h"),
        sized=True,
        name="name",
        label="",
        shown="label,x0,y0,w,h,name",
    ),
    Form(
        box=("x_min", "y_min", "x_max", "y_max"),
        sized=False,
        name="name",
        label="heart",
        shown="name,x_min,y_min,x_max,y_max[,label]",
    ),
    Form(
        box=("x", "y", "width", "height"),
        sized=True,
        name="patientid",
        label="opacity",
        shown="patientId,x,y,width,height,Target[,label]",
        target="target",
        several=True,
    ),
)


def form_of(columns: Sequence[str], where: str) -> Form:
    """The form of a table with these columns, in lower case.

    Raises:
        UserError: the header is empty, names a column twice, or fits no form.
    """
    if not columns:
        raise user_error("the table is empty", where)
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise user_error(f"the header names twice: {', '.join(twice)}", where)
    fitting = [form for form in FORMS if form.required <= set(columns)]
    if fitting and len(set(FRAME) & set(columns)) != 1:
        form = fitting[0]
        patients = [name for name in PATIENT if name in columns and name != form.name]
        return replace(form, patient=patients[0]) if patients else form
    expected = " or ".join(form.shown for form in FORMS)
    raise user_error(
        f"the columns are {','.join(columns)[:200]}; expected {expected}, "
        f"each also with {','.join(FRAME)} (both or neither) and patient",
        where,
    )
