using System.Text;

namespace StreamDiff.BindingsGenerator;

/// <summary>
/// C#'s structs. What has one shape in all versions is written as it is; of the others those fields that stay in their place, and for those
/// that move a property that looks the place up.
/// </summary>
internal sealed class RecordWriter(Merge merge)
{
    private readonly StringBuilder _structs = new();
    private readonly List<(string Name, IReadOnlyList<long> Offsets)> _moved = [];

    public string Structs => _structs.ToString();

    /// <summary>The fields that move, in the order of their numbers.</summary>
    public IReadOnlyList<(string Name, IReadOnlyList<long> Offsets)> Moved => _moved;

    public void Write()
    {
        foreach (var record in merge.Records())
        {
            if (record.IsTheSame)
            {
                WriteFixed(record);
            }
            else
            {
                WriteMoving(record);
            }
        }
    }

    private void WriteFixed(MergedRecord record)
    {
        if (record.Fields.Count == 0)
        {
            _structs.Append($"public unsafe partial struct {record.Name} {{ }}\n\n");
            return;
        }

        var isUnion = record.First.IsUnion;
        _structs.Append(isUnion ? "[StructLayout(LayoutKind.Explicit)]\n" : "").Append($"public unsafe partial struct {record.Name}\n{{\n");
        foreach (var field in record.Fields)
        {
            _structs.Append($"    {(isUnion ? "[FieldOffset(0)] " : "")}{Obsolete(field)}")
                .Append($"public {field.Field.Type} {Names.Escape(field.Field.Name)};\n");
        }

        _structs.Append("}\n\n");
    }

    private void WriteMoving(MergedRecord record)
    {
        _structs.Append($"[StructLayout(LayoutKind.Explicit)]\npublic unsafe partial struct {record.Name}\n{{\n");
        foreach (var field in record.Fields)
        {
            var (type, name) = (field.Field.Type, Names.Escape(field.Field.Name));
            if (field.StaysInPlace)
            {
                _structs.Append($"    [FieldOffset({field.Offsets[0]})] {Obsolete(field)}public {type} {name};\n");
                continue;
            }

            var member = $"{record.Name}_{field.Field.Name}";
            _moved.Add((member, field.Offsets));
            if (field.IsThereAlways)
            {
                _structs.Append($"    {Obsolete(field)}public ref {type} {name} => ref *({type}*)Layouts.At(ref this, Member.{member});\n");
            }
        }

        _structs.Append("}\n\n");
    }

    private static string Obsolete(MergedField field) => field.Field.IsObsolete ? "[Obsolete] " : "";
}
