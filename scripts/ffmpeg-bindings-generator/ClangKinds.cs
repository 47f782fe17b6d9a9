namespace StreamDiff.BindingsGenerator;

/// <summary>CXCursorKind.</summary>
internal enum CursorKind
{
    None = 0,
    Struct = 2,
    Union = 3,
    Enum = 5,
    Field = 6,
    EnumConstant = 7,
    Function = 8,
    Variable = 9,
    Parameter = 10,
    MacroDefinition = 501,
}

/// <summary>CXTypeKind.</summary>
internal enum TypeKind
{
    Void = 2,
    Bool = 3,
    CharUnsigned = 4,
    UChar = 5,
    UShort = 8,
    UInt = 9,
    ULong = 10,
    ULongLong = 11,
    CharSigned = 13,
    SChar = 14,
    Short = 16,
    Int = 17,
    Long = 18,
    LongLong = 19,
    Float = 21,
    Double = 22,
    Pointer = 101,
    Record = 105,
    Enum = 106,
    FunctionNoPrototype = 110,
    FunctionPrototype = 111,
    ConstantArray = 112,
    IncompleteArray = 114,
    Elaborated = 119,
}

/// <summary>CXEvalResultKind.</summary>
internal enum EvaluatedKind
{
    Unexposed = 0,
    Integer = 1,
    Floating = 2,
}
