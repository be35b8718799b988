"""The message types of tf.train.Example for the protobuf library.

They are declared here, field by field as in tensorflow/core/example/{example,feature}.proto, in a descriptor pool of
their own, so that TensorFlow may be imported beside them.
"""

from collections.abc import Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto


def _example_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")
    _add_message(file, "BytesList", [_field("value", 1, _Field.TYPE_BYTES, repeated=True)])
    _add_message(file, "FloatList", [_field("value", 1, _Field.TYPE_FLOAT, repeated=True)])
    _add_message(file, "Int64List", [_field("value", 1, _Field.TYPE_INT64, repeated=True)])
    kinds = [("bytes_list", "BytesList"), ("float_list", "FloatList"), ("int64_list", "Int64List")]
    feature = _add_message(
        file,
        "Feature",
        [_field(name, number, message=message) for number, (name, message) in enumerate(kinds, 1)],
    )
    feature.oneof_decl.add(name="kind")
    for field in feature.field:
        field.oneof_index = 0
    features = _add_message(file, "Features", [_field("feature", 1, message="Features.FeatureEntry", repeated=True)])
    # A protobuf map is a repeated nested message of keys and values.
    entry = features.nested_type.add(name="FeatureEntry")
    entry.field.extend([_field("key", 1, _Field.TYPE_STRING), _field("value", 2, message="Feature")])
    entry.options.map_entry = True
    _add_message(file, "Example", [_field("features", 1, message="Features")])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


def _add_message(
    file: descriptor_pb2.FileDescriptorProto, name: str, fields: Sequence[descriptor_pb2.FieldDescriptorProto]
) -> descriptor_pb2.DescriptorProto:
    message = file.message_type.add(name=name)
    message.field.extend(fields)
    return message


def _field(
    name: str, number: int, kind: Any = _Field.TYPE_MESSAGE, *, message: str = "", repeated: bool = False
) -> descriptor_pb2.FieldDescriptorProto:
    label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
    type_name = f".tensorflow.{message}" if message else None
    return _Field(name=name, number=number, type=kind, label=label, type_name=type_name)


EXAMPLE = _example_class()
