namespace StreamDiff.Models.Weights;

/// <summary>
/// What a pickle may refer to outside itself. Each answers with plain data or throws; none runs anything that the file names.
/// </summary>
internal interface IPickleWorld
{
    object Global(string name);

    object? Call(object? function, object?[] arguments);

    object Persistent(object? id);
}

/// <summary>
/// Reads a pickle as data. Python's own reader is a small machine that calls whatever the file names; this one only knows lists,
/// dictionaries, tuples, numbers and text, and asks its world about everything else. Its work and memory are bounded by the pickle's
/// length: no step does more than a byte of code asks for, and nothing recurses.
/// </summary>
internal ref struct PickleMachine(ReadOnlySpan<byte> pickle, IPickleWorld world)
{
    private const int NewestProtocol = 5;
    // Python cannot write deeper nesting, its pickler recurses.
    private const int DeepestMark = 1000;

    // A tensor of a state dict is about forty values. Each takes a hundred bytes, whatever few bytes of code made it.
    private const int MostValues = 2_000_000;

    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly List<object?> _memo = [];
    private PickleCode _code = new(pickle);
    private int _values;

    /// <summary>
    /// The pickled value, made of null, bool, long, BigInteger, double, string, byte[], object?[] (tuple), List, PickleDict and the world's
    /// objects.
    /// </summary>
    /// <exception cref="InvalidDataException">The pickle is damaged or uses something that data does not need.</exception>
    public object? Run()
    {
        while (true)
        {
            var op = (PickleOp)_code.U8();
            if (op == PickleOp.Stop)
                return Pop();
            if (!Scalar(op) && !Container(op) && !Memory(op))
                Outside(op);
        }
    }

    private bool Scalar(PickleOp op)
    {
        switch (op)
        {
            case PickleOp.None: Push(null); return true;
            case PickleOp.NewTrue: Push(true); return true;
            case PickleOp.NewFalse: Push(false); return true;
            case PickleOp.BinInt: Push((long)_code.I32()); return true;
            case PickleOp.BinInt1: Push((long)_code.U8()); return true;
            case PickleOp.BinInt2: Push((long)_code.U16()); return true;
            case PickleOp.Long1: Push(_code.Integer(_code.U8())); return true;
            case PickleOp.Long4: Push(_code.Integer(_code.U32())); return true;
            case PickleOp.BinFloat: Push(_code.Double()); return true;
            case PickleOp.BinUnicode: Push(_code.Text(_code.U32())); return true;
            case PickleOp.ShortBinUnicode: Push(_code.Text(_code.U8())); return true;
            case PickleOp.BinUnicode8: Push(_code.Text(_code.U64())); return true;
            case PickleOp.BinString: Push(_code.Latin1(_code.U32())); return true;
            case PickleOp.ShortBinString: Push(_code.Latin1(_code.U8())); return true;
            case PickleOp.BinBytes: Push(_code.Take(_code.U32()).ToArray()); return true;
            case PickleOp.ShortBinBytes: Push(_code.Take(_code.U8()).ToArray()); return true;
            case PickleOp.BinBytes8 or PickleOp.ByteArray8: Push(_code.Take(_code.U64()).ToArray()); return true;
            default: return false;
        }
    }

    private bool Container(PickleOp op)
    {
        switch (op)
        {
            case PickleOp.EmptyTuple: Push(Array.Empty<object?>()); return true;
            case PickleOp.Tuple1: Push(PopLast(1)); return true;
            case PickleOp.Tuple2: Push(PopLast(2)); return true;
            case PickleOp.Tuple3: Push(PopLast(3)); return true;
            case PickleOp.Tuple: Push(PopToMark()); return true;
            case PickleOp.EmptyList or PickleOp.EmptySet: Push(new List<object?>()); return true;
            case PickleOp.FrozenSet: Push(new List<object?>(PopToMark())); return true;
            case PickleOp.EmptyDict: Push(new PickleDict()); return true;
            case PickleOp.Append: AddTo(PopLast(1)); return true;
            case PickleOp.Appends or PickleOp.AddItems: AddTo(PopToMark()); return true;
            case PickleOp.SetItem: SetIn(PopLast(2)); return true;
            case PickleOp.SetItems: SetIn(PopToMark()); return true;
            default: return false;
        }
    }

    private bool Memory(PickleOp op)
    {
        switch (op)
        {
            case PickleOp.Mark: PushMark(); return true;
            case PickleOp.Pop: Pop(); return true;
            case PickleOp.PopMark: PopToMark(); return true;
            case PickleOp.Dup: Push(Top()); return true;
            case PickleOp.BinPut: Remember(_code.U8()); return true;
            case PickleOp.LongBinPut: Remember(_code.U32()); return true;
            case PickleOp.Memoize: Remember((uint)_memo.Count); return true;
            case PickleOp.BinGet: Push(Recall(_code.U8())); return true;
            case PickleOp.LongBinGet: Push(Recall(_code.U32())); return true;
            case PickleOp.Frame: _code.U64(); return true;
            case PickleOp.Protocol: CheckProtocol(_code.U8()); return true;
            default: return false;
        }
    }

    private void Outside(PickleOp op)
    {
        switch (op)
        {
            case PickleOp.Global:
                Push(world.Global($"{_code.Line()}.{_code.Line()}"));
                break;
            case PickleOp.StackGlobal:
                Push(PopLast(2) is [string module, string name] ? world.Global($"{module}.{name}") : throw Wrong(op));
                break;
            case PickleOp.Reduce or PickleOp.NewObject:
                Push(PopLast(2) is [var function, object?[] arguments] ? world.Call(function, arguments) : throw Wrong(op));
                break;
            case PickleOp.BinPersistentId:
                Push(world.Persistent(Pop()));
                break;
            // Attributes of an object, such as the _metadata of a state dict: of no use here, and never code.
            case PickleOp.Build:
                Pop();
                Top();
                break;
            default:
                throw new InvalidDataException(
                    $"its pickle has the opcode 0x{(byte)op:x2}, which weights do not need; nothing was executed");
        }
    }

    private void AddTo(object?[] items)
    {
        if (Top() is not List<object?> list)
            throw new InvalidDataException("its pickle appends to something that is not a list");
        list.AddRange(items);
    }

    private void SetIn(object?[] items)
    {
        if (Top() is not PickleDict dict || items.Length % 2 != 0)
            throw new InvalidDataException("its pickle sets items of something that is not a dictionary");
        for (var i = 0; i < items.Length; i += 2)
            dict.Items.Add((items[i], items[i + 1]));
    }

    private void PushMark()
    {
        if (_marks.Count == DeepestMark)
            throw new InvalidDataException($"its pickle is nested deeper than {DeepestMark} levels");
        _marks.Add(_stack.Count);
    }

    // Writers number what they remember one by one; a number far ahead would ask for memory that no writer needs.
    private void Remember(uint index)
    {
        if (index > _memo.Count)
            throw new InvalidDataException($"its pickle remembers number {index} before number {_memo.Count}");
        if (index == _memo.Count)
            _memo.Add(Top());
        else
            _memo[(int)index] = Top();
    }

    private object? Recall(uint index) =>
        index < _memo.Count
            ? _memo[(int)index]
            : throw new InvalidDataException($"its pickle recalls number {index}, which it never remembered");

    private static void CheckProtocol(byte version)
    {
        if (version is < 2 or > NewestProtocol)
            throw new InvalidDataException(
                $"its pickle has protocol {version}, known are 2 to {NewestProtocol}: save it again with torch.save");
    }

    private void Push(object? value)
    {
        if (++_values > MostValues)
            throw new InvalidDataException($"its pickle makes more than {MostValues} values");
        _stack.Add(value);
    }

    private object? Top() => _stack.Count > Floor ? _stack[^1] : throw Empty();

    private object? Pop()
    {
        var value = Top();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private object?[] PopLast(int count)
    {
        if (_stack.Count - count < Floor)
            throw Empty();
        return Cut(_stack.Count - count);
    }

    private object?[] PopToMark()
    {
        if (_marks.Count == 0)
            throw Empty();
        var from = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        return Cut(from);
    }

    private object?[] Cut(int from)
    {
        var items = _stack.GetRange(from, _stack.Count - from).ToArray();
        _stack.RemoveRange(from, items.Length);
        return items;
    }

    // Nothing below the last mark may be taken before the mark is.
    private int Floor => _marks.Count == 0 ? 0 : _marks[^1];

    private static InvalidDataException Empty() => new("its pickle takes more values than it has made");

    private static InvalidDataException Wrong(PickleOp op) => new($"its pickle gives {op} values of the wrong kind");
}
